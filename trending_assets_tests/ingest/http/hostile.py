"""URLs and addresses that an attacker would try, by how they try to get past a check."""

from trending_assets_tests.ingest.http.serving import API

_V4_HOSTS = [
    # Loopback and the metadata service in every notation that some parser reads.
    "127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "127.000.000.001", "127.0.0.1.nip.io", "127.127.127.127",
    "2130706433", "2130706433.", "0x7f000001", "0X7F000001", "0x7f.0.0.1", "0x7f.0x0.0x0.0x1", "0x7f.1", "0x7f.0.1",
    "0177.0.0.1", "0177.0.1", "0177.1", "00000177.0.0.1", "017700000001", "0177.0x0.0.1", "127.0x0.00.1",
    "425.510.425.510", "383.256.256.257", "340282366920938463463374607431768211457", "0x100000000000000007f000001",
    "0", "0.0", "0.0.0.0", "00.00.00.00", "0x0", "0x", "00000000000", "1", "256", "4294967296",
    "169.254.169.254", "169.254.169.254.", "169.254.43518", "169.16689662", "2852039166", "7147006462",
    "0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE", "0251.0376.0251.0376", "0251.254.169.254", "0xa9.254.0251.0376",
    "10.0.0.1", "10.1", "012.0.0.1", "0xa.1", "167772161", "192.168.0.1", "192.168.1", "192.11010049", "3232235521",
    "0xc0a80001", "172.16.0.1", "172.31.255.255", "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192",
    "198.18.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "8.8.8.8", "93.184.215.14",
    "1.1.1.1.", "1.1", "0x08080808", "134744072", "127.0.0.0x1", "1.2.3.4.5", "a.127", "shows.0x7f", "api.shows.1",
]  # fmt: skip
_V6_HOSTS = [
    "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[::ffff:169.254.169.254]",
    "[::127.0.0.1]", "[::7f00:1]", "[fe80::1]", "[fe80::1%25eth0]", "[fe80::1%eth0]", "[::1%25lo]", "[fc00::1]",
    "[fd00:ec2::254]", "[fec0::1]", "[ff02::1]", "[64:ff9b::7f00:1]", "[64:ff9b::169.254.169.254]",
    "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
    "[2606:4700::1111]", "[::1", "::1]", "::1", "[]", "[", "]", "[api.shows.example]", "[v1.api]",
    "[::1]api.shows.example",
    "api.shows.example[::1]", "[[::1]]", "[::ffff:0x7f.1]", "[::1].", "0:0:0:0:0:0:0:1",
]  # fmt: skip
_NAMES = [
    "localhost", "localhost.", "LOCALHOST", "LocalHost", "localhost.localdomain", "ip6-localhost", "lo", "localtest.me",
    "metadata.google.internal", "metadata", "instance-data.ec2.internal", "kubernetes.default.svc",
    "host.docker.internal",
    "shows.example", "example", "evil.example", f"evil.{API}", f"x{API}", f"evil-{API}", f"{API}.evil.example",
    f"{API}evil.example", f"{API}-evil.example", "api-shows.example", "apishows.example", "api.shows.examples",
    "api.shows.exampl", "api.show.example", f".{API}", f"..{API}", f"{API}..", f"{API}...", "api..shows.example",
    "api.shows..example", ".", "..", "", "*", "*.shows.example", f"-{API}", "api.shows.-example", f"{API}_", f"_{API}",
    f"{API},evil.example", f"{API};evil.example", f"{API}&evil.example", f"{API}!", f"{API}'", f'{API}"', f"{API}|x",
    f"{API}^", f"{API}`", f"({API})", f"{{{API}}}", f"<{API}>", f"{API}=x", f"{API}+x", f"~{API}", f"${API}",
    "a" * 64 + ".shows.example", "a." * 130 + "example", "xn--pi-6kc.shows.example", "xn--", "xn--.example",
]  # fmt: skip
_UNICODE_HOSTS = [
    "\u0430pi.shows.example", "api.sh\u043ews.example", "api.shows.ex\u0430mple", "\uff41pi.shows.example",
    "\uff41\uff50\uff49.shows.example", "api\u3002shows.example", "api\uff0eshows.example", "api\uff61shows.example",
    "api\u2024shows.example", "api.shows\u3002example", f"{API}\u3002", f"{API}\uff0eevil.example",
    f"evil.example\uff03{API}", f"evil.example\u2044{API}", f"evil.example\uff0f{API}", f"evil.example\u2215{API}",
    f"evil.example\uff1f{API}", f"{API}\uff20evil.example", f"{API}\ufe6bevil.example", f"{API}\uff1a80",
    "ap\u0131.shows.example", "api.\u017fhows.example", "api.show\u017f.example", "api.shows.exam\u212ae",
    "api.shows.e\u00d7ample", "api.shows.examp\u2113e", "api.shows.exa\u33a1ple", "ap\u00ad\u0069.shows.example",
    "api\u200b.shows.example", "api\u200d.shows.example", "api\u2060.shows.example", "\ufeffapi.shows.example",
    "\u202eapi.shows.example", "api.shows.example\u202c", "api\u0301.shows.example", "\u1d43pi.shows.example",
    "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460", "\u0661\u0662\u0667.\u0660.\u0660.\u0661", "\uff11\uff12\uff17.0.0.1",
    "\uff10x7f.1", "127\u30020\u30020\u30021", "127\uff0e0\uff0e0\uff0e1", "\u2488\u2488\u2488\u2488",
    "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3", "\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54",
    "\U0001d4f5\U0001d4f8\U0001d4ec\U0001d4ea\U0001d4f5\U0001d4f1\U0001d4f8\U0001d4fc\U0001d4fd", "fa\u00df.de",
    "\ud800.example", "api.shows.example\u0338",
]  # fmt: skip
_ESCAPED_HOSTS = [
    "%61pi.shows.example", "api%2eshows.example", "api%2Eshows%2Eexample", "127%2e0%2e0%2e1", "%31%32%37.0.0.1",
    "%6c%6f%63%61%6c%68%6f%73%74", f"{API}%00", f"{API}%00.evil.example", f"{API}%2eevil.example", f"{API}%2f",
    f"{API}%2f@evil.example", f"evil.example%23.{API}", f"evil.example%2f.{API}", f"evil.example%5c.{API}",
    f"evil.example%3f.{API}", f"{API}%0d%0aHost:evil.example", f"{API}%20", f"%20{API}", f"{API}%09", f"{API}%40evil",
    "api%252eshows.example", f"{API}%3a80", "%5b::1%5d", "%E3%80%82", "api%E3%80%82shows.example", f"{API}%",
    f"{API}%zz",
]  # fmt: skip
_USERINFO = [
    f"{API}@evil.example", f"{API}@127.0.0.1", f"{API}:443@127.0.0.1", f"user:pass@{API}", f"user@{API}", f"@{API}",
    f":@{API}", f"evil.example@{API}", f"evil.example:80@{API}", f"{API}@{API}", f"a@b@{API}", f"{API}%40@evil.example",
    f"127.0.0.1:80@{API}:443", f"[::1]@{API}", f"{API}@[::1]", f"{API}:@evil.example", f"user:%40@{API}",
    f"{API}&@evil.example", f"{API};@evil.example",
]  # fmt: skip
_PORTS = [
    f"{API}:80", f"{API}:8080", f"{API}:22", f"{API}:25", f"{API}:6379", f"{API}:444", f"{API}:0", f"{API}:1",
    f"{API}:",
    f"{API}:65535", f"{API}:65536", f"{API}:65979", f"{API}:4294967739", f"{API}:-1", f"{API}:+443", f"{API}:0443",
    f"{API}:00443", f"{API}:0x1bb", f"{API}:443:443", f"{API}:443:80", f"{API}:80:443", f"{API}::443", f"{API}:4 43",
    f"{API}:443a", f"{API}:https", f"{API}:\uff14\uff14\uff13", f"{API}:\u0664\u0664\u0663", f"{API}:%34%34%33",
    f"{API}:443.", f"{API}:44\u00b3", f"{API}.:80", f"{API}:8443",
]  # fmt: skip

HOSTILE_URLS = [
    *(
        f"https://{host}/"
        for hosts in (_V4_HOSTS, _V6_HOSTS, _NAMES, _UNICODE_HOSTS, _ESCAPED_HOSTS, _USERINFO, _PORTS)
        for host in hosts
    ),
    # Schemes.
    *(
        f"{scheme}://{API}/"
        for scheme in (
            "http", "HTTP", "ftp", "ftps", "file", "gopher", "dict", "ldap", "ldaps", "tftp", "sftp", "ssh", "telnet",
            "ws",
            "wss", "smb", "imap", "redis", "jar", "netdoc", "phar", "s3", "httpss", "https+http", "xhttps", "hhttps",
            "h",
            "view-source:https", "blob:https", "url:https", "feed:https", "http+unix", "\u0130ttps", "http\u017f", "",
        )
    ),
    "file:///etc/passwd", "file://localhost/etc/passwd", "data:application/json,{}", "javascript:alert(1)",
    "about:blank",
    "mailto:a@shows.example", "urn:x", "https", "https:", "https:/", "https://", f"https:{API}/",
    f"https:/{API}/", f"https:///{API}/", f"https:////{API}/", f"https:/.{API}/", f"//{API}/", f"///{API}/", f"/{API}/",
    f"{API}/", f"{API}", "", " ", "/", "?", "#", f"https;//{API}/", f"https//{API}/", f"https:\u2044\u2044{API}/",
    "https://?api.shows.example", "https://#api.shows.example", "https://?", "https:?x", f"https://%2f%2f{API}/",
    # Backslashes, which some parsers read as slashes.
    f"https:\\\\{API}/", f"https:/\\{API}/", f"https:\\/{API}/", f"https://{API}\\@evil.example/", f"\\\\{API}\\x",
    f"https://evil.example\\@{API}/", f"https://{API}\\.evil.example/", f"https://{API}/\\evil.example",
    f"https://{API}\\",
    f"https://evil.example\\.{API}/", f"https://127.0.0.1\\{API}/", f"https://{API}/a\\..\\b", f"\\/\\/{API}/",
    # White space, line ends and other control characters, plain and escaped.
    f" https://{API}/", f"https://{API}/ ", f"\thttps://{API}/", f"https://{API}/\n", f"ht\ttps://{API}/",
    f"https\n://{API}/", f"https:/\t/{API}/", f"https:// {API}/", f"https://{API} /", f"https://{API} .evil.example/",
    f"https://{API}\t.evil.example/", f"https://{API}\r\n/", f"https://{API}\n.evil.example/", f"https://{API}\0/",
    f"https://{API}\0.evil.example/", f"https://{API}\x7f/", f"https://{API}\x85/", f"https://{API}\xa0/",
    f"https://{API}\u2028/", f"https://{API}\u3000/", f"https://{API}/ HTTP/1.1", f"https://{API}/a b",
    f"https://{API}/ HTTP/1.1\r\nHost: evil.example\r\n\r\nGET /", f"https://{API}/\r\nX-Forwarded-For: 127.0.0.1",
    f"https://{API}/a\r\n\r\nGET http://127.0.0.1/", f"https://{API}/?q=\r\nX: y", f"https://{API}/\x00",
    f"https://{API}/\x1b[31m",
    f"https://{API}/%0d%0aHost:%20evil.example", f"https://{API}/%0D%0A%0D%0AGET%20/", f"https://{API}/?q=%0aX:y",
    f"https://{API}/%00", f"https://{API}/a%00.json", f"https://{API}/%1b", f"https://{API}/%7F", f"https://{API}/%08",
    f"https://{API}/\u202egnp.exe", f"https://{API}/\u200b", f"https://{API}/\ud800", f"https://{API}/%",
    f"https://{API}/%z1",
    f"https://{API}/%u002f", f"https://{API}/?%", f"https://{API}/" + "a" * 5000,
    # More hosts than one.
    f"https://evil.example/https://{API}/", f"https://evil.example?{API}", f"https://evil.example#{API}",
    f"https://evil.example?@{API}/", f"https://evil.example#@{API}/", f"https://evil.example;https://{API}/",
    f"https://evil.example,{API}/", f"https://{API},127.0.0.1/", f"https://127.0.0.1:443#@{API}/",
    f"https://127.0.0.1?{API}/",
]  # fmt: skip

# What an allowed name may be made to point to.
PRIVATE_ADDRESSES = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254", "100.100.100.200", "127.0.0.1",
    "127.255.255.255", "168.63.129.16", "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1",
    "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::2", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "64:ff9b:1::7f00:1", "100::1",
    "2001::1", "2001:0:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1",
    "2001:db8::1", "2002:7f00:1::1", "2002:a00:1::1", "2002:a9fe:a9fe::", "2002:808:808::1", "3fff::1", "4000::1",
    "5f00::1", "fc00::1", "fd00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "2606:4700::1111%lo", "febf::1",
    "fec0::1", "feff::1", "ff01::1", "ff02::1", "ff0e::1",
    "not an address", "", "127.1", "2130706433", "localhost", "/run/docker.sock",
]  # fmt: skip

PUBLIC_ADDRESSES = [
    "8.8.8.8", "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0", "223.255.255.255", "168.63.129.15", "168.63.129.17",
    "2606:4700::1111", "2a00:1450:4001:81b::200e", "2001:4860:4860::8888", "2001:200::1", "2003::1",
    "2620:0:860:ed1a::1",
    "64:ff9b::808:808",
]  # fmt: skip

# What honest sources ask for, with the target that goes out.
GOOD_URLS = [
    (f"https://{API}", "/"),
    (f"https://{API}/", "/"),
    (f"HTTPS://{API.upper()}/A", "/A"),
    (f"https://{API}./a", "/a"),
    (f"https://{API}:443/a", "/a"),
    (f"https://{API}?q=1", "/?q=1"),
    (f"https://{API}/a?q=user@evil.example&u=https://127.0.0.1/", "/a?q=user@evil.example&u=https://127.0.0.1/"),
    (f"https://{API}/@user/127.0.0.1", "/@user/127.0.0.1"),
    (f"https://{API}/a#@evil.example", "/a"),
    (f"https://{API}/a#https://evil.example/", "/a"),
    (f"https://{API}//evil.example/", "//evil.example/"),
    (f"https://{API}/a%20b%2Fc?t=A%7CB", "/a%20b%2Fc?t=A%7CB"),
    (f"https://{API}/wiki/Am\u00e9lie", "/wiki/Am%C3%A9lie"),
    (f"https://{API}/a/../b/./c", "/b/c"),
    (f"https://{API}/?titles=A|B", "/?titles=A|B"),
    (f"https://{API}/{'a' * 3000}", f"/{'a' * 3000}"),
]
