"""The settings of a server: TUNESMITH_* environment variables, each with a default that just works."""

import os
from base64 import urlsafe_b64decode
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from tunesmith.server.kit.limits import Rate
from tunesmith.storage.reach import PrivateHosts

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - shown, not bound
"""Where this machine reaches a server that listens on all its addresses."""
_FERNET_KEY_BYTES = 32


def _user_data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "tunesmith"


class Settings(BaseSettings):
    """Settings of `tunesmith serve`; the command's options win over the environment."""

    model_config = SettingsConfigDict(
        env_prefix="TUNESMITH_", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    data_dir: Path = Field(
        default_factory=_user_data_dir,
        description="Folder of the embedded database, keys, job folders, pulled datasets and weights.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    database_url: str | None = Field(
        None, description="SQLAlchemy URL of the database; unset, an SQLite file in the data folder."
    )
    executor: Literal["local", "ray"] = Field(
        "local", description="Where jobs run: local, on this machine; ray, on the nodes of a Ray cluster."
    )
    ray_address: str | None = Field(
        None,
        pattern=r"^\S+:\d+$",
        description="Address of the Ray cluster, as HOST:PORT; unset, one is started on this machine, and "
        "ends with the server.",
    )
    ray_job_cpus: int = Field(
        2, ge=1, description="Processors of a Ray node that a job takes which computes on processors."
    )
    ray_placement_seconds: float = Field(
        15, gt=0, description="Seconds that a job may wait for room on a Ray cluster before others are tried."
    )
    ray_node_dir: Path | None = Field(
        None,
        description="Folder on each node of a Ray cluster for jobs while they run there and for copies of "
        "datasets and weights; unset, one in the node's temporary folder.",
    )
    callback_url: str | None = Field(
        None,
        pattern="^https?://",
        description="Address by which the nodes of a Ray cluster reach this server; unset, "
        "http://HOST:PORT of what it listens on.",
    )
    workspace_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        (),
        description="Folders, separated as in PATH, under which a workspace may name a local path; "
        "unset, `workspaces` in the data folder.",
    )
    secret_key: str | None = Field(
        None, description="Fernet key that encrypts secrets at rest; unset, one is kept in the data folder."
    )
    token_hours: float = Field(24, gt=0, description="Hours until a login expires.")
    cpu_slots: int | None = Field(
        None, ge=1, description="Jobs that may run at once on the processor; unset, one per two cores."
    )
    io_slots: int = Field(2, ge=1, description="Datasets and base experiments that may be pulled at once.")
    hub_url: str = Field(
        "https://huggingface.co",
        pattern="^https?://",
        description="Hugging Face hub, or mirror of one: for base experiments and for datasets on the hub.",
    )
    offline: bool = Field(
        False, description="Fetch no weights; those brought with `tunesmith models add` are used."
    )
    registry_url: str = Field(
        "https://huggingface.co", description="Address of the hub that models are published on."
    )
    registry_namespace: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9](-?[A-Za-z0-9._]){0,41}$",
        description="User or organisation of the hub that published models belong to.",
    )
    registry_token: SecretStr | None = Field(
        None, description="Token of the hub that may write in the namespace and make repositories there."
    )
    registry_private: bool = Field(
        True, description="Make new repositories on the hub private; those there are stay as they are."
    )
    registry: Literal["embedded", "huggingface"] = Field(
        "embedded",
        description="Where models are published: embedded, in the workspace of their experiment, or "
        "huggingface, on a Hugging Face hub.",
    )
    stop_grace: float = Field(
        20,
        ge=0,
        description="Seconds a worker has to write its checkpoint when the server stops or the job pauses.",
    )
    cancel_grace: float = Field(
        1.5, ge=0, description="Seconds that a worker has to end by itself when its job is cancelled."
    )
    checkpoint_seconds: float = Field(
        300,
        gt=0,
        description="Seconds of training within an epoch after which a checkpoint is written and published: "
        "what is lost at most with a worker that dies.",
    )
    lease_seconds: float = Field(
        30, gt=1, description="Seconds after which a job whose server is silent may be taken over."
    )
    max_restarts: int = Field(
        3, ge=0, description="How often a job whose worker is lost is started again before it fails."
    )
    memory_gb: float | None = Field(
        None, gt=0, description="Memory for jobs in GB; unset, what the machine has but 2 GB."
    )
    job_memory_gb: float = Field(
        2, ge=0, description="Memory in GB that a job takes which computes and does not say how much."
    )
    min_free_mb: int = Field(100, ge=0, description="Free disk space in MiB below which writes are refused.")
    rate_limit: str = Field(
        "10000/hour",
        description="Requests that one key, or one address without a login, may make to one route: "
        "a number and second, minute, hour or day; `off` for no limit.",
    )
    azure_endpoint: str | None = Field(
        None,
        description="Address of the blob service that azure workspaces are on, e.g. that of Azurite; the "
        "account's name follows as a folder. Unset, Azure's own.",
    )
    gcs_endpoint: str | None = Field(
        None,
        description="Address of the storage service that gcp workspaces are on; one with http:// is an "
        "emulator and gets no key. Unset, Google's own.",
    )
    private_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Hosts and networks, separated by commas, that the url of a dataset may lead to although "
        "they are not public, over http:// too.",
    )
    tensorboards: int = Field(
        4, ge=0, description="TensorBoard processes of experiments that may run at once; 0 for none."
    )
    job_variables: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Names of variables, separated by commas, that an experiment's docker_env_vars may set "
        "for its jobs beside those of trackers; `*` stands for anything.",
    )
    max_download_gb: float = Field(
        100, gt=0, description="Largest file in GB that the url of a dataset may lead to."
    )
    metrics_token: str | None = Field(
        None,
        min_length=16,
        description="Token that opens /metrics, beside any login; unset, a login is needed.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe messages to log."
    )
    log_format: Literal["console", "json"] = Field("console", description="Form of the server's log lines.")

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, folder: Path) -> Path:
        return folder.expanduser().absolute()

    @field_validator("workspace_roots", mode="before")
    @classmethod
    def _split_paths(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(Path(part) for part in value.split(os.pathsep) if part)
        return value

    @field_validator("private_hosts", "job_variables", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("private_hosts")
    @classmethod
    def _check_hosts(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        PrivateHosts.parse(entries)
        return entries

    @field_validator("azure_endpoint", "gcs_endpoint", "registry_url")
    @classmethod
    def _check_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username:
            raise ValueError("must be an address such as https://storage.example.com, without a login")
        return url.rstrip("/")

    @field_validator("secret_key")
    @classmethod
    def _check_key(cls, key: str | None) -> str | None:
        try:
            if key is None or len(urlsafe_b64decode(key)) == _FERNET_KEY_BYTES:
                return key
        except ValueError:
            pass
        raise ValueError(
            "must be a Fernet key: 32 random bytes in URL-safe base64. Make one with: "
            "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
        )

    @field_validator("registry")
    @classmethod
    def _check_registry(cls, registry: str, info: ValidationInfo) -> str:
        if registry == "embedded":
            return registry
        if info.data.get("offline"):
            raise ValueError(
                "huggingface publishes on a hub, and TUNESMITH_OFFLINE lets the server speak to none: choose "
                "embedded, or unset TUNESMITH_OFFLINE"
            )
        if not info.data.get("registry_namespace") or not info.data.get("registry_token"):
            raise ValueError(
                "huggingface needs TUNESMITH_REGISTRY_NAMESPACE, whose models they are, and "
                "TUNESMITH_REGISTRY_TOKEN, a token of the hub that may write there"
            )
        return registry

    @field_validator("rate_limit")
    @classmethod
    def _check_rate(cls, text: str) -> str:
        Rate.parse(text)
        return text

    @cached_property
    def rate(self) -> Rate | None:
        """The rate that callers are held to, if any."""
        return Rate.parse(self.rate_limit)

    @cached_property
    def roots(self) -> tuple[Path, ...]:
        """The folders that local workspaces may lie under, resolved."""
        roots = self.workspace_roots or (self.data_dir / "workspaces",)
        return tuple(root.expanduser().resolve() for root in roots)

    @cached_property
    def resolved_database_url(self) -> str:
        """The database to use."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'tunesmith.db').resolve()}"

    @property
    def callback(self) -> str:
        """The address by which nodes reach this server, without a slash at its end."""
        host = EVERYWHERE.get(self.host, f"[{self.host}]" if ":" in self.host else self.host)
        return (self.callback_url or f"http://{host}:{self.port}").rstrip("/")

    @cached_property
    def jobs_dir(self) -> Path:
        """Parent of the job folders."""
        return self.data_dir / "jobs"

    @cached_property
    def run_dir(self) -> Path:
        """Where a server notes how to find what runs for it."""
        return self.data_dir / "run"

    @cached_property
    def datasets_dir(self) -> Path:
        """Parent of the pulled datasets."""
        return self.data_dir / "datasets"

    @cached_property
    def boards_dir(self) -> Path:
        """Parent of what the TensorBoards of experiments show."""
        return self.data_dir / "tensorboard"

    @cached_property
    def models_dir(self) -> Path:
        """Parent of the folders with weights of base experiments."""
        return self.data_dir / "models"

    @cached_property
    def compute_slots(self) -> int:
        """Jobs that may compute on the processor at once."""
        return self.cpu_slots or max(1, (os.cpu_count() or 1) // 2)
