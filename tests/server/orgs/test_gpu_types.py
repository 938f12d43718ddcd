"""What an organisation can compute on."""

from uuid import UUID

import pytest
from tests.live_server import Server

from tunesmith.server.orgs.service import platforms
from tunesmith.server.scheduling.resources import Capacity, Fleet
from tunesmith.workers.machine import Node

NODE = Node(
    name="lab-1", processor="Some Processor", cores=8, gpus=("GPU A", "GPU A", "GPU B"), memory_mb=65_536
)
FLEET = Fleet([Capacity(cpu_slots=4, io_slots=2, nodes=(NODE,))])


def test_a_machine_has_a_platform_for_each_kind_of_gpu_and_its_processor() -> None:
    found = platforms(FLEET)
    assert [one.gpu_type for one in found.values()] == ["GPU A", "GPU B", "CPU: Some Processor (8 cores)"]
    assert {one.node for one in found.values()} == {"lab-1"}
    assert all(identity.version == 5 for identity in found)
    assert platforms(FLEET) == found


@pytest.mark.shows("GET :gpu_types")
def test_the_server_tells_what_it_is_on(server: Server) -> None:
    reply = server.api("GET", ":gpu_types")
    assert reply.status_code == 200
    assert reply.json()
    for identity, platform in reply.json().items():
        assert UUID(identity).version == 5
        assert set(platform) == {"node", "gpu_type"}
    assert any(one["gpu_type"].startswith("CPU: ") for one in reply.json().values())


def test_it_is_told_to_the_organisation_alone(server: Server) -> None:
    assert server.client.get(f"{server.url}/api/v1/orgs/acme:gpu_types").status_code == 401
    stranger = server.account("rivals", "bob")
    headers = {"Authorization": f"Bearer {stranger.login()}"}
    assert server.client.get(f"{server.url}/api/v1/orgs/acme:gpu_types", headers=headers).status_code == 403
