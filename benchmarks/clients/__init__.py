"""What is measured: a module for each client, each with `run(job) -> Figures`.

Modules that are no client: `job` is what they are asked for; `events` and `reactor` run it for
those that are event-driven, `threads` for the others.
"""
