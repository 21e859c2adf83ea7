"""Texts of the old entry."""

from __future__ import annotations

from typing import Final

DOCS: Final = "接口说明见 docs/routes.md；统一入口的在线文档在 /api/docs"
