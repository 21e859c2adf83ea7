"""What a provider's status means to us, and what our errors and settings reveal."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pydantic import SecretStr

from common.errors import ConfigurationError, ModelUnavailableError
from core.llm.config import PRESETS, LLMClientConfig
from core.llm.embeddings import EmbeddingConfig
from core.llm.errors import (
    ModelAuthenticationError,
    ModelCallError,
    ModelRateLimitedError,
    ModelRequestError,
    ModelServerError,
    ModelTimeoutError,
    error_for_status,
    retry_after_seconds,
)

KEY = SecretStr("sk-very-secret")


@pytest.mark.parametrize(
    ("status", "expected", "can_retry"),
    [
        (429, ModelRateLimitedError, True),
        (401, ModelAuthenticationError, False),
        (403, ModelAuthenticationError, False),
        (400, ModelRequestError, False),
        (404, ModelRequestError, False),
        (408, ModelTimeoutError, True),
        (500, ModelServerError, True),
        (503, ModelServerError, True),
        (529, ModelServerError, True),
    ],
)
def test_each_status_has_its_error(status: int, expected: type[ModelCallError], can_retry: bool) -> None:
    error = error_for_status(status, {})
    assert type(error) is expected
    assert isinstance(error, ModelUnavailableError)
    assert (error.status_code, error.can_retry, error.error_type) == (status, can_retry, "model_unavailable")


def test_the_provider_may_name_seconds_or_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert retry_after_seconds({"retry-after": "7"}) == 7.0
    assert 80 < (retry_after_seconds({"retry-after": later}) or 0) <= 90
    assert error_for_status(429, {"retry-after": "7"}).retry_after_seconds == 7


@pytest.mark.parametrize("value", ["", "soon", "-5", "nan", "1e9", "²"])
def test_nonsense_instead_of_a_time_is_ignored(value: str) -> None:
    assert retry_after_seconds({"retry-after": value}) is None


def test_keys_are_not_in_reprs() -> None:
    chat = LLMClientConfig(base_url="https://example.com/v1", model="m", api_key=KEY)
    vectors = EmbeddingConfig(base_url="https://example.com/v1", model="m", api_key=KEY)
    assert "secret" not in f"{chat!r}{chat}{vectors!r}{vectors}"


@pytest.mark.parametrize("url", ["example.com/v1", "ftp://example.com", "https://", "https://me:pw-secret@example.com"])
def test_an_unusable_endpoint_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        LLMClientConfig(base_url=url, model="m", api_key=KEY)
    assert "secret" not in caught.value.message


def test_the_historical_provider_names_have_presets() -> None:
    for name in ("qianwen", "deepseek", "ollama"):
        LLMClientConfig(base_url=PRESETS[name].base_url, model=PRESETS[name].model, api_key=KEY)
