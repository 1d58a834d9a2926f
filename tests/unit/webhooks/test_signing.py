from __future__ import annotations

import base64
import datetime as dt

import pytest

from infra.embedded.home import signing_secret
from streams.webhooks.signing import SecretError, UnsignedError, check, headers_of, key_of

# The example that the standard's own libraries are tested with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT = dt.datetime.fromtimestamp(1614265330, dt.UTC)
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

OTHER = "whsec_" + base64.b64encode(b"another secret of 24 bytes").decode()


def test_the_standard_s_example_has_its_signature() -> None:
    assert headers_of([key_of(SECRET)], ID, AT, BODY) == {
        "webhook-id": ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_a_message_signed_with_two_secrets_fits_either() -> None:
    headers = headers_of([key_of(OTHER), key_of(SECRET)], ID, AT, BODY)
    assert headers["webhook-signature"].split()[1] == SIGNATURE
    check([key_of(SECRET)], headers, BODY, AT)
    check([key_of(OTHER)], headers, BODY, AT)
    check([key_of(signing_secret()), key_of(OTHER)], headers, BODY, AT)


@pytest.mark.parametrize(
    ("changed", "body"),
    [
        ({}, BODY + b" "),
        ({"webhook-id": "msg_other"}, BODY),
        ({"webhook-timestamp": "1614265331"}, BODY),
        ({"webhook-timestamp": "1614265330.5"}, BODY),
        ({"webhook-timestamp": "9" * 5000}, BODY),
        ({"webhook-timestamp": ""}, BODY),
        ({"webhook-signature": ""}, BODY),
        ({"webhook-signature": SIGNATURE.replace("v1,", "v2,")}, BODY),
        ({"webhook-signature": SIGNATURE[:-1]}, BODY),
        ({"webhook-signature": "v1,\xe9"}, BODY),
    ],
)
def test_whatever_is_changed_is_told(changed: dict[str, str], body: bytes) -> None:
    headers = {**headers_of([key_of(SECRET)], ID, AT, BODY), **changed}
    with pytest.raises(UnsignedError):
        check([key_of(SECRET)], headers, body, AT)


def test_an_old_message_is_not_taken_again() -> None:
    headers = headers_of([key_of(SECRET)], ID, AT, BODY)
    check([key_of(SECRET)], headers, BODY, AT + dt.timedelta(minutes=4))
    for off in (dt.timedelta(minutes=6), dt.timedelta(minutes=-6)):
        with pytest.raises(UnsignedError, match="off"):
            check([key_of(SECRET)], headers, BODY, AT + off)


def test_no_secret_fits_nothing() -> None:
    with pytest.raises(UnsignedError):
        check([], headers_of([key_of(SECRET)], ID, AT, BODY), BODY, AT)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_not/base64!", "a" * 200])
def test_what_is_no_secret_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(SecretError) as raised:
        key_of(secret)
    assert str(raised.value) == SecretError.__doc__


def test_a_secret_that_is_made_is_one() -> None:
    assert len(key_of(signing_secret())) == 24
    assert signing_secret() != signing_secret()
