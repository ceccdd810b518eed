"""How much hypothesis looks for: the same examples every time, or many new ones at night.

`pytest --hypothesis-profile=nightly` takes the second.
"""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "default",
    derandomize=True,
    print_blob=True,
    deadline=None,  # a loaded machine is no failure
    max_examples=100,
    stateful_step_count=30,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "nightly",
    settings.get_profile("default"),
    derandomize=False,
    max_examples=2000,
    stateful_step_count=80,
)
settings.load_profile("default")
