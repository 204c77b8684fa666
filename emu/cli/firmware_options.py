"""-smbios, -uuid and -fw_cfg: what firmware and guest can read of the machine besides its hardware."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..boot.smbios import FIELDS, SmbiosConfig
from ..errors import ConfigError, ImageError, suggest
from .options import Options, keyvals, number, option, split_commas


def _read(path: str, what: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f"{what} {path!r}: {error.strerror}") from None


@option("uuid", "UUID", "the machine's UUID (SMBIOS, query-uuid)", 0)
def _uuid(o: Options, value: str) -> None:
    o.machine["uuid"] = value


@option("smbios", "type=N[,field=V..]", "what SMBIOS says: type 0 BIOS, 1 system (manufacturer=, product=, serial=, uuid=, ..), "
        "2 baseboard, 3 chassis, 4 processor, 11 OEM strings (value=, path=), 17 memory; file=F adds structures", 0)
def _smbios(o: Options, value: str) -> None:
    config: SmbiosConfig = o.machine.get("smbios", SmbiosConfig())
    parts = split_commas(value)
    kind = next((number(part[5:], "-smbios type") for part in parts if part.startswith("type=")), None)
    if kind == 11:          # value= may come more than once
        for part in parts:
            name, _, text = part.partition("=")
            if name == "path":
                text = _read(text, "-smbios").decode("utf-8", "replace")
            elif name not in ("value", "type"):
                raise ConfigError(f"-smbios type=11: unknown parameter {name!r}" + suggest(name, ("value", "path")))
            if name != "type":
                config = replace(config, oem_strings=(*config.oem_strings, text))
    elif kind is None:
        args = keyvals(value, "", ("file",), "-smbios")
        config = replace(config, extra=(*config.extra, _read(args["file"], "-smbios")))
    else:
        if kind not in FIELDS:
            raise ConfigError(f"-smbios: type={kind} cannot be set; known: {', '.join(map(str, sorted((*FIELDS, 11))))}")
        args = keyvals(value, "", ("type", *FIELDS[kind]), f"-smbios type={kind}")
        del args["type"]
        config = replace(config, fields={**config.fields, kind: {**config.fields.get(kind, {}), **args}})
    o.machine["smbios"] = config


@option("fw_cfg", "name=N,file=F|string=S", "a file in the firmware configuration device, for the guest: opt/org.example/key", 0)
def _fw_cfg(o: Options, value: str) -> None:
    args = keyvals(value, "name", ("name", "file", "string"), "-fw_cfg")
    if "name" not in args or ("file" in args) == ("string" in args):
        raise ConfigError("-fw_cfg needs name= and either file= or string=")
    if not args["name"].startswith("opt/"):
        raise ConfigError(f"-fw_cfg {args['name']!r}: names of one's own begin with opt/")
    data = _read(args["file"], "-fw_cfg") if "file" in args else args["string"].encode()
    o.machine["fw_cfg"] = {**o.machine.get("fw_cfg", {}), args["name"]: data}
