"""Network options in QEMU's spelling: -nic, -netdev, -net, -device CARD, -object filter-dump."""
from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import ConfigError, suggest
from ..net.config import MODELS, CaptureConfig, Netdev, Nic
from ..net.packet import ip_bytes
from ..net.stream import StreamConfig, TapConfig
from ..net.user import Forward, GuestForward, UserConfig
from .options import DEVICES, FINISH, Leave, Options, keyvals, number, on_off, option, split_commas

USER = ("net", "host", "dns", "dhcpstart", "hostname", "domainname", "tftp", "tftp-server-name", "bootfile", "restrict", "ipv4",
        "ipv6", "x-dns-upstream")
REPEATED = ("hostfwd", "guestfwd", "dnssearch")
STREAM = ("addr.type", "addr.host", "addr.port", "addr.path", "server", "reconnect")
SOCKET = ("listen", "connect")
TAP = ("ifname", "script", "downscript", "vhost")
CARD = ("model", "mac", "macaddr", "romfile", "bootindex", "addr", "iobase", "irq", "id", "name", "netdev", "bus", "vlan",
        "vectors", "rombar")
KINDS = ("user", "stream", "socket", "tap")


def endpoint(text: str, what: str) -> tuple[str, int]:
    """("10.0.2.15", 22) of "10.0.2.15:22" or ":22"."""
    host, sep, port = text.rpartition(":")
    if not sep or not port.isdigit() or not int(port) < 65536:
        raise ConfigError(f"{what}: {text!r} is not HOST:PORT")
    if host:
        try:
            ip_bytes(host)
        except ValueError as error:
            raise ConfigError(f"{what}: {error}") from None
    return host, int(port)


def hostfwd(text: str) -> Forward:
    """tcp:127.0.0.1:2222-10.0.2.15:22, tcp::2222-:22, :2222-:22."""
    what = f"hostfwd={text}"
    match = re.fullmatch(r"(?:(tcp|udp):|:(?=\d)|)(.*?)-(.*)", text)
    if not match:
        raise ConfigError(f"{what} is not [tcp|udp]:[HOSTADDR]:PORT-[GUESTADDR]:PORT")
    source = match[2] if ":" in match[2] else ":" + match[2]
    host, port = endpoint(source, what)
    guest, guest_port = endpoint(match[3], what)
    if not guest_port:
        raise ConfigError(f"{what}: the guest's port is missing")
    return Forward(match[1] or "tcp", host or "127.0.0.1", port, guest, guest_port)


def guestfwd(text: str) -> GuestForward:
    """tcp:10.0.2.100:80-tcp:127.0.0.1:8080, ...-unix:PATH, ...-cmd:COMMAND."""
    what = f"guestfwd={text}"
    match = re.fullmatch(r"(?:tcp)?:?([\d.]+:\d+)-((tcp|unix|cmd):.+)", text)
    if not match:
        raise ConfigError(f"{what} is not tcp:ADDR:PORT-tcp:HOST:PORT, -unix:PATH or -cmd:COMMAND")
    address, port = endpoint(match[1], what)
    if match[3] == "tcp" and not re.fullmatch(r"tcp:[^:]+:\d+", match[2]):
        raise ConfigError(f"{what}: {match[2]!r} is not tcp:HOST:PORT")
    return GuestForward(address, port, match[2])


def _split(text: str, first: str, known: Sequence[str], what: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Options that come once, and those that may come often."""
    many: dict[str, list[str]] = {name: [] for name in REPEATED}
    rest = []
    for part in split_commas(text):
        key, sep, value = part.partition("=")
        if sep and key in many:
            many[key].append(value)
        else:
            rest.append(part.replace(",", ",,"))
    return keyvals(",".join(rest), first, (*known, *REPEATED), what), many


def netdev(kind: str, args: dict[str, str], many: dict[str, list[str]], what: str) -> Netdev:
    """A backend from its options; the ones used are taken out of `args`."""
    if kind == "user":
        got = {name: args.pop(name) for name in USER if name in args}
        if not on_off(got.pop("ipv4", "on"), f"{what} ipv4"):
            raise ConfigError(f"{what}: the user network is IPv4; ipv4=off leaves nothing")
        if on_off(got.pop("ipv6", "off"), f"{what} ipv6"):
            raise ConfigError(f"{what}: the user network has no IPv6")
        if "x-dns-upstream" in got:
            got["upstream_dns"] = got.pop("x-dns-upstream")
        if "net" in got and "/" not in got["net"]:
            got["net"] += "/24"
        restrict = on_off(got.pop("restrict", "off"), f"{what} restrict")
        return UserConfig(**{name.replace("-", "_"): value for name, value in got.items()}, restrict=restrict,
                          dnssearch=tuple(many["dnssearch"]), hostfwd=tuple(hostfwd(t) for t in many["hostfwd"]),
                          guestfwd=tuple(guestfwd(t) for t in many["guestfwd"]))
    if any(many.values()):
        raise ConfigError(f"{what}: hostfwd, guestfwd and dnssearch belong to the user network")
    if kind == "stream":
        got = {name: args.pop(name) for name in STREAM if name in args}
        if got.get("addr.type") == "unix":
            address = "unix:" + got.get("addr.path", "")
        else:
            address = f"tcp:{got.get('addr.host', '')}:{got.get('addr.port', '')}"
        return StreamConfig(address, on_off(got.get("server", "off"), f"{what} server"))
    if kind == "socket":
        listen, connect = args.pop("listen", ""), args.pop("connect", "")
        if bool(listen) == bool(connect):
            raise ConfigError(f"{what}: socket needs listen=[HOST]:PORT or connect=HOST:PORT")
        host, _, port = (listen or connect).rpartition(":")
        return StreamConfig(f"tcp:{host or '127.0.0.1'}:{port}", bool(listen))
    for name in ("script", "downscript"):
        if args.pop(name, "no") not in ("no", ""):
            raise ConfigError(f"{what}: {name} is not run; set the interface up beforehand and write {name}=no")
    args.pop("vhost", None)
    return TapConfig(args.pop("ifname", "tap0"))


def card(args: dict[str, str], what: str) -> Nic:
    """A card from its options, which are taken out of `args`."""
    got = {name: args.pop(name) for name in CARD if name in args}
    for name in ("bootindex", "vlan", "vectors", "bus", "name"):
        got.pop(name, None)
    if "macaddr" in got:
        got["mac"] = got.pop("macaddr")
    romfile = got.get("romfile")
    if got.pop("rombar", "1") == "0":
        romfile = ""
    addr = got.get("addr")
    return Nic(model=got.get("model", "e1000"), mac=got.get("mac", ""), romfile=romfile, id=got.get("id", ""),
               iobase=number(got.get("iobase", "0x300"), f"{what} iobase"), irq=number(got.get("irq", "9"), f"{what} irq"),
               addr=None if addr is None else int(number("0x" + addr.removeprefix("0x").split(".")[0], f"{what} addr")))


def _kind(name: str, what: str) -> str:
    if name not in KINDS:
        if name in ("bridge", "vde", "l2tpv3", "netmap", "vhost-user", "vhost-vdpa", "dgram", "hubport"):
            raise ConfigError(f"{what}: backend {name!r} is not here; use user, stream, socket or tap")
        raise ConfigError(f"{what}: unknown backend {name!r}" + suggest(name, (*KINDS, "none")))
    return name


def _help(text: str) -> None:
    if re.search(r"(^|,)(model=)?(help|\?)(,|$)", text):
        raise Leave("Network cards:\n  e1000      Intel 82540EM, PCI (default)\n  ne2k_pci   NE2000 on PCI (RTL8029)\n"
                    "  ne2k_isa   NE2000 on ISA (iobase=0x300, irq=9)\n"
                    "Backends:\n  user       gateway, DHCP, DNS, TFTP and NAT, without root\n"
                    "  stream     length-prefixed frames on a socket (another emulator, passt, gvproxy)\n"
                    "  socket     the same: listen=:PORT or connect=HOST:PORT\n  tap        an existing tap device")


@option("nic", "BACKEND[,..]",
        "network card with its backend: user[,model=e1000][,hostfwd=tcp::2222-:22][,mac=..], none; model=help lists", 0)
def _nic(o: Options, value: str) -> None:
    _help(value)
    if value == "none":
        o.network.none = True
        return
    args, many = _split(value, "type", ("type", *USER, *STREAM, *SOCKET, *TAP, *CARD), "-nic")
    kind = _kind(args.pop("type", "user"), "-nic")
    name = args.get("id") or o.network.fresh_id()
    nic = card(args, "-nic")
    o.network.add(name, netdev(kind, args, many, "-nic"))
    if args:
        raise ConfigError(f"-nic {kind}: {next(iter(args))} does not belong to this backend")
    o.network.cards.append((nic, name))


@option("netdev", "BACKEND,id=ID[,..]", "network backend for a -device: user, stream, socket, tap", 0)
def _netdev(o: Options, value: str) -> None:
    _help(value)
    args, many = _split(value, "type", ("type", "id", *USER, *STREAM, *SOCKET, *TAP), "-netdev")
    kind = _kind(args.pop("type", ""), "-netdev")
    name = args.pop("id", "")
    if not name:
        raise ConfigError("-netdev needs id=NAME, for -device CARD,netdev=NAME")
    o.network.add(name, netdev(kind, args, many, "-netdev"))
    if args:
        raise ConfigError(f"-netdev {kind}: {next(iter(args))} does not belong to this backend")


@option("net", "none|nic|user[,..]", "QEMU's old spelling: -net nic,model=M -net user,hostfwd=..", 5)
def _net(o: Options, value: str) -> None:
    _help(value)
    if value == "none":
        o.network.none = True
        return
    args, many = _split(value, "type", ("type", *USER, *STREAM, *SOCKET, *TAP, *CARD), "-net")
    kind = args.pop("type", "")
    if kind == "nic":
        o.network.waiting.append(("nic", card(args, "-net nic")))
    else:
        for extra in ("id", "name", "vlan"):
            args.pop(extra, None)
        o.network.waiting.append((kind, netdev(_kind(kind, "-net"), args, many, f"-net {kind}")))
    if args:
        raise ConfigError(f"-net {kind}: {next(iter(args))} does not belong here")


@option("object", "filter-dump,..", "capture of a netdev: filter-dump,id=F,netdev=ID,file=X.pcap[,maxlen=N]", 4)
def _object(o: Options, value: str) -> None:
    kind, _, rest = value.partition(",")
    if kind != "filter-dump":
        raise ConfigError(f"-object: unknown object {kind!r}" + suggest(kind, ("filter-dump",)))
    args = keyvals(rest, "", ("id", "netdev", "file", "maxlen"), "-object filter-dump") if rest else {}
    if "netdev" not in args or "file" not in args:
        raise ConfigError("-object filter-dump needs netdev=ID and file=PATH")
    o.network.captures.append((args["netdev"], CaptureConfig(Path(args["file"]), number(args.get("maxlen", "65536"), "maxlen"))))


def _device(model: str, o: Options, text: str) -> None:
    args = keyvals(text, "", CARD, f"-device {model}") if text else {}
    name = args.pop("netdev", "")
    o.network.cards.append((card({**args, "model": model}, f"-device {model}"), name))


def _finish(o: Options) -> None:
    nics = o.network.nics()
    if o.network.none and nics:
        raise ConfigError("-nic none (or -net none) and a network card contradict each other")
    if nics:
        o.machine["nics"] = nics


for _model in MODELS:
    DEVICES[_model] = lambda o, text, _model=_model: _device(_model, o, text)     # type: ignore[misc]
DEVICES["e1000-82540em"] = lambda o, text: _device("e1000", o, text)
FINISH.append(_finish)
