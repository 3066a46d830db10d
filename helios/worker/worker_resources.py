"""What a worker keeps for all of its tasks: executor, assets, workspaces, network policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from helios.assets import AssetCache
from helios.assets.own_folder import OwnFolder
from helios.network.network_policy import NetworkPolicy, Resolve
from helios.process.render_executor import RenderExecutor
from helios.worker.command_environment import command_environment
from helios.worker.sources.destinations import Destinations
from helios.worker.sources.job_source import JobSource, StorageOpener
from helios.worker.worker_config import WorkerConfig

#: Seconds between SIGTERM and SIGKILL, less than the time that `TimeLimit` reserves.
GRACE = 1.0


@dataclass(frozen=True, kw_only=True)
class WorkerResources:
    """What a worker keeps for all of its tasks.

    Attributes:
        executor: Runs commands.
        assets: Unpacked assets of this and earlier jobs.
        work_folder: Folder of the workspaces.
        network: Addresses that commands, and pages that they render, may reach.
        destinations: Opens the storages that videos are delivered to.
        chunk_timeout: Time limit of a command in seconds; None for the platform's.
        merge_bytes: Limit of the bytes of chunks that are merged on this machine; None for the free
            space.
    """

    executor: RenderExecutor
    assets: AssetCache
    work_folder: OwnFolder
    network: NetworkPolicy
    destinations: Destinations
    chunk_timeout: float | None = None
    merge_bytes: int | None = None

    @classmethod
    def create(
        cls,
        config: WorkerConfig,
        *,
        source: JobSource,
        storage_opener: StorageOpener,
        executor: RenderExecutor | None,
        resolve: Resolve | None,
        environment: Mapping[str, str],
    ) -> "WorkerResources":
        """Return the resources of a worker; parameters are those of `WorkerRuntime`."""
        # Removes the files of a process that the platform killed.
        work_folder = OwnFolder(config.workspace / "helios-work")
        return cls(
            executor=executor
            or RenderExecutor(
                allowed=config.executables,
                env=command_environment(environment),
                temp_dir=work_folder.path,
                grace=GRACE,
                network=False,
            ),
            assets=AssetCache(
                config.workspace / "helios-assets",
                config.asset_cache_bytes,
                storage_opener=storage_opener,
                web_fetcher=source.fetch_archive,
            ),
            work_folder=work_folder,
            # Pages never reach services on this machine, even if they may reach private networks.
            network=NetworkPolicy(
                hosts=config.allowed_hosts,
                allow_private=config.allow_private_network,
                resolve=resolve,
            ),
            destinations=Destinations(storage_opener, secrets=config.destination_secrets),
            chunk_timeout=config.chunk_timeout,
            merge_bytes=config.merge_bytes,
        )

    @property
    def workspaces(self) -> Path:
        """Folder in which workspaces are created."""
        return self.work_folder.path

    def close(self) -> None:
        """Remove all files."""
        self.assets.close()
        self.work_folder.leave()
