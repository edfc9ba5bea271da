"""Checkpoints on the Hugging Face Hub: from "user/repo" to a local folder, through the Hub client's own cache."""

from __future__ import annotations

import errno
import os
import re
from concurrent.futures import Future
from pathlib import Path
from threading import Thread

from model.format import CONFIG, WEIGHTS, CheckpointError

COMMIT = re.compile(r"[0-9a-f]{40}")
HERE = {errno.EACCES, errno.EDQUOT, errno.ENOSPC, errno.EPERM, errno.EROFS}  # errors of the local disk
PATIENCE = 3  # seconds to wait for the Hub where a cached copy would do; 10 where there is none


def fetch(repo: str, revision: str | None = None) -> Path:
    """The local folder of a Hub repository's checkpoint.

    A commit in the cache is used without asking the Hub, as it cannot change. A branch or tag can change, so the Hub is
    asked first. If it refuses, or does not answer within ``PATIENCE`` seconds, the cached copy is used.

    Args:
        repo: "user/repo".
        revision: a branch, tag or commit; by default main.

    Raises:
        CheckpointError: there is no such repository or revision, it is no checkpoint, or the Hub cannot be reached.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import RevisionNotFoundError

    folder = find_cached(repo, revision)
    if folder and COMMIT.fullmatch(revision or ""):
        return folder
    try:
        check_reachable(repo, revision, PATIENCE if folder else 10)
        fresh = Path(snapshot_download(repo, revision=revision, allow_patterns=[CONFIG, WEIGHTS]))
    except Exception as e:  # the client raises many kinds; each means that the Hub does not give it
        if folder and not isinstance(e, RevisionNotFoundError):
            return folder
        raise CheckpointError(refusal(e, repo, revision)) from e
    for name in (CONFIG, WEIGHTS):
        if not (fresh / name).is_file():
            raise CheckpointError(f"{repo} on the Hub is not a checkpoint of ours: it has no {name}")
    return fresh


def find_cached(repo: str, revision: str | None) -> Path | None:
    """The checkpoint's folder in the Hub client's cache, or None if a file is missing; asks no network."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        files = [try_to_load_from_cache(repo, name, revision=revision) for name in (CONFIG, WEIGHTS)]
    except HFValidationError as e:
        raise CheckpointError(f"there is no folder {repo}, and a repository on the Hub cannot have that name") from e
    paths = [Path(file) for file in files if isinstance(file, str)]
    return paths[0].parent if len(paths) == len(files) else None


def check_reachable(repo: str, revision: str | None, seconds: float) -> None:
    """Returns once the Hub says that it has ``revision``.

    It asks in a thread of its own. The client's timeouts do not cover a name server that does not answer, and its
    connect timeout starts anew for each of the Hub's addresses.

    Raises:
        Exception: what the client raised, or a timeout after ``seconds``.
    """
    from huggingface_hub import HfApi

    answer: Future = Future()

    def call() -> None:
        try:
            answer.set_result(HfApi().model_info(repo, revision=revision, timeout=seconds))
        except Exception as e:  # raised again by result()
            answer.set_exception(e)

    Thread(target=call, daemon=True).start()
    answer.result(timeout=seconds)


def refusal(e: Exception, repo: str, revision: str | None) -> str:
    """What the client raised, as one sentence."""
    from huggingface_hub import get_token
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled, RepositoryNotFoundError
    from huggingface_hub.errors import RevisionNotFoundError as NoRevision

    if isinstance(e, NoRevision):
        return f"{repo} on the Hub has no revision {revision}"
    token, status = get_token(), e.response.status_code if isinstance(e, HfHubHTTPError) else 0
    if status == 401 and token:
        return (
            f"the Hub does not accept {token_source()}: run `hf auth login` again, or remove it to read what is public"
        )
    if (token and not token.isascii()) or isinstance(e, UnicodeEncodeError):
        return f"{token_source()} is not a token: it has letters that no token has"
    if isinstance(e, RepositoryNotFoundError) or status in (401, 403, 404):
        return (
            f"there is no folder {repo}, nor such a repository on the Hub that you may read (to log in: hf auth login)"
        )
    if status:
        return f"the Hub could not give {repo}: it answered with status {status}"
    if isinstance(e, OSError) and e.errno in HERE:
        return f"{repo} cannot be kept in the Hub's local cache: {e.strerror}"
    why = "HF_HUB_OFFLINE is set" if isinstance(e, OfflineModeIsEnabled) else f"the Hub cannot be reached{by_proxy()}"
    return f"there is no folder {repo}, it is not in the local cache, and {why}"


def token_source() -> str:
    """Where the Hub client takes its token from, in words."""
    names = [name for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") if os.environ.get(name, "").strip()]
    return f"the token in {names[0]}" if names else "the token that `hf auth login` saved"


def by_proxy() -> str:
    """Words for the environment's proxies, if it sets any: only the variables, as a value may hold a password.

    The Hub's client does not know socks://, nor socks5:// without another package.
    """
    names = sorted({name.upper() for name, value in os.environ.items() if value and name.lower().endswith("_proxy")})
    names = [name for name in names if name != "NO_PROXY"]
    return f" through the proxy that {' or '.join(names)} sets (http:// proxies work)" if names else ""
