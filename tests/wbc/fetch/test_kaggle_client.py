import pytest
import requests

from wbc.fetch.kaggle_client import RefusedRedirectError, refuse_downgrades
from wbc.fetch.kaggle_download import _explain


@pytest.fixture
def target_of(monkeypatch):
    """A function that returns where a session goes on to from a URL that answers with a `Location`."""
    monkeypatch.setattr(requests.Session, "get_redirect_target", requests.Session.get_redirect_target)
    refuse_downgrades()

    def go(url, location):
        response = requests.Response()
        response.url, response.status_code = url, 302
        response.headers["Location"] = location
        return requests.Session().get_redirect_target(response)

    return go


@pytest.mark.parametrize(
    "location", ["https://storage.example/a.zip", "/login?next=http://a", "//storage.example/a.zip"]
)
def test_a_redirect_that_stays_encrypted_is_followed(target_of, location):
    assert target_of("https://www.kaggle.com/api", location) == location


@pytest.mark.parametrize("location", ["http://storage.example/a.zip", "HTTP://storage.example", "ftp://a"])
def test_a_redirect_to_plain_http_is_refused(target_of, location):
    with pytest.raises(RefusedRedirectError, match=r"sends on to .*unencrypted"):
        target_of("https://www.kaggle.com/api?key=secret", location)


def test_plain_http_may_go_on_as_it_came(target_of):
    assert target_of("http://localhost/api", "http://localhost/a.zip") == "http://localhost/a.zip"


def test_a_user_is_told_where_the_redirect_led():
    output = "Traceback ...\n__main__.RefusedRedirectError: https://kaggle sends on to http://elsewhere, unencrypted\n"
    said = _explain("owner/cells", 1, output)
    assert "https://kaggle sends on to http://elsewhere, unencrypted" in said and "Traceback" not in said
