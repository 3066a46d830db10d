"""Archives of compositions' folders: stored by content, cached by workers."""

from helios.assets.archive import ArchiveLimits
from helios.assets.cache import AssetCache
from helios.assets.pack import PackedAssets, pack_assets, upload_assets
from helios.assets.unpack import unpack_assets

__all__ = [
    "ArchiveLimits",
    "AssetCache",
    "PackedAssets",
    "pack_assets",
    "unpack_assets",
    "upload_assets",
]
