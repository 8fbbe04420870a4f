"""`berth server --strict`: what nobody knows is refused instead of passed over, so that a client's tests find a misspelt member
(API-004)."""
import pytest

from harness import api_model
from harness.api_model import OURS, SERVED
from harness.valid_calls import SERVER_ARGS as VALID_ARGS, VALID

SERVER_ARGS = [*VALID_ARGS, "--strict"]


@pytest.mark.parametrize("operation", SERVED)
def test_a_member_nobody_knows(world, operation):
    """In each structure of a request by itself; without one the request is as good as ever."""
    seen = set()
    for why in VALID[operation]:
        body = VALID[operation][why](world)
        for keys in api_model.structures(body, OURS.input(operation)):
            if api_model.spoken(keys) in seen:
                continue
            seen.add(api_model.spoken(keys))
            wrong = [*keys, "memberOf2031"]
            answer = world.send(operation, api_model.with_value(body, wrong, {"deep": [1]}))
            assert (answer.status, answer.code) == (400, "SerializationException"), answer
            assert answer.message.startswith(api_model.spoken(wrong) + " is not a member of "), answer
        answer = world.send(operation, body)
        assert answer.status == 200, answer
