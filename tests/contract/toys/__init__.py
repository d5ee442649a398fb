"""Five small jobs of the kinds that break training contracts."""

from tests.contract.toys import actor_critic, forecaster, gan, labeller, preference

TOYS = {toy.JOB.name: toy.JOB for toy in (forecaster, labeller, gan, actor_critic, preference)}
