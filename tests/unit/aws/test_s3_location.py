"""Locations of a log: every plain way to name an object in S3 is understood, and nothing else is."""

from __future__ import annotations

import pytest
from import_watch.aws.s3_location import S3Object, is_possible, s3_object

HERE = S3Object("their-logs", "a/log.txt")


@pytest.mark.parametrize(
    "location",
    [
        "s3://their-logs/a/log.txt",
        "S3://their-logs/a/log.txt",
        "s3a://their-logs/a/log.txt",
        "s3n://their-logs/a/log.txt",
        "arn:aws:s3:::their-logs/a/log.txt",
        "arn:aws-us-gov:s3:::their-logs/a/log.txt",
        "https://their-logs.s3.amazonaws.com/a/log.txt",
        "https://their-logs.s3.eu-west-1.amazonaws.com/a/log.txt",
        "https://their-logs.s3-eu-west-1.amazonaws.com/a/log.txt",
        "https://their-logs.s3.us-gov-west-1.amazonaws.com/a/log.txt",
        "https://their-logs.s3.cn-north-1.amazonaws.com.cn/a/log.txt",
        "https://their-logs.s3.dualstack.eu-west-1.amazonaws.com/a/log.txt",
        "https://their-logs.s3-accelerate.amazonaws.com/a/log.txt",
        "https://their-logs.s3-accelerate.dualstack.amazonaws.com/a/log.txt",
        "https://their-logs.s3-fips.us-east-1.amazonaws.com/a/log.txt",
        "https://their-logs.s3-fips.dualstack.us-east-1.amazonaws.com/a/log.txt",
        "https://s3.amazonaws.com/their-logs/a/log.txt",
        "https://s3.eu-west-1.amazonaws.com/their-logs/a/log.txt",
        "https://s3-eu-west-1.amazonaws.com/their-logs/a/log.txt",
        "https://s3.dualstack.eu-west-1.amazonaws.com/their-logs/a/log.txt",
        "https://s3.eu-west-1.amazonaws.com/their%2Dlogs/a/log.txt",
        "HTTPS://THEIR-LOGS.S3.Amazonaws.Com/a/log.txt",
        "https://their-logs.s3.amazonaws.com:443/a/log.txt",
        "https://their-logs.s3.amazonaws.com./a/log.txt",
        "http://their-logs.s3.amazonaws.com/a/log.txt",
        "https://their-logs.s3.amazonaws.com/a%2Flog.txt",
        "https://their-logs.s3.amazonaws.com/a/log.txt#line-1",
        "https://their-logs.s3.amazonaws.com/a/log.txt?versionId=1",
        "https://their-logs.s3.amazonaws.com/a/log.txt?X-Amz-Signature=c4n4ry-&X-Amz-Expires=1",
        "s3://their-logs/a/log.txt?versionId=1",
        "s3://their-logs/a/log.txt?X-Amz-Expires=1&X-Amz-Signature=c4n4ry-",
        "s3://their-logs/a/log.txt?AWSAccessKeyId=1&Signature=c4n4ry-",
    ],
)
def test_every_plain_form_is_understood(location: str) -> None:
    assert s3_object(location) == HERE


@pytest.mark.parametrize(
    ("location", "bucket", "key"),
    [
        ("s3://b/50%25 a+b.txt", "b", "50%25 a+b.txt"),
        ("https://b.s3.amazonaws.com/50%2525%20a+b%2B.txt", "b", "50%25 a+b+.txt"),
        ("https://b.s3.amazonaws.com/Gr%C3%B6%C3%9Fe%20%E6%9C%A8.txt", "b", "Größe 木.txt"),
        ("https://b.s3.amazonaws.com/Größe.txt", "b", "Größe.txt"),
        ("https://b.s3.amazonaws.com/100%.txt", "b", "100%.txt"),
        ("https://b.s3.amazonaws.com/a/../../b", "b", "a/../../b"),
        ("https://b.s3.amazonaws.com//rooted", "b", "/rooted"),
        ("s3://b//rooted", "b", "/rooted"),
        ("s3://b/a?b#c", "b", "a?b#c"),
        ("s3://b/a?b=c", "b", "a?b=c"),
        ("s3://b/a\nb", "b", "a\nb"),
        ("https://dotted.name.s3.eu-west-1.amazonaws.com/k", "dotted.name", "k"),
        ("https://ends.in.s3.s3.amazonaws.com/k", "ends.in.s3", "k"),
        ("https://s3.amazonaws.com/b%2Fk/x", "b/k", "x"),
        ("s3://b@c/k", "b@c", "k"),
        ("s3://B/k", "B", "k"),
    ],
)
def test_a_key_is_taken_as_its_form_has_it(location: str, bucket: str, key: str) -> None:
    assert s3_object(location) == S3Object(bucket, key)


@pytest.mark.parametrize(
    "location",
    [
        "",
        " ",
        "s3://",
        "s3:///k",
        "s3://b",
        "s3://b/",
        "s3:/b/k",
        "s3//b/k",
        "b/k",
        "/b/k",
        "s3://b/?versionId=1",
        "arn:aws:s3:::b",
        "arn:aws:s3:eu-west-1:123456789012:accesspoint/b/k",
        "arn:aws:sns:::b/k",
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data",
        "https://b.s3.amazonaws.com",
        "https://b.s3.amazonaws.com/",
        "https://s3.amazonaws.com/b",
        "https://s3.amazonaws.com/b/",
        "https://s3.amazonaws.com//k",
        "https://b.s3.amazonaws.com.evil.example/k",
        "https://evil.example/b.s3.amazonaws.com/k",
        "https://b.s3.amazonaws.com@evil.example/k",
        "https://evil.example\\@b.s3.amazonaws.com/k",
        "https://user:c4n4ry-@b.s3.amazonaws.com/k",
        "https://b.s3.amazonaws.com:8443/k",
        "https://b.s3.amazonaws.com:port/k",
        "https://bs3.amazonaws.com/k",
        "https://b.s3-accesspoint.eu-west-1.amazonaws.com/k",
        "https://b.s3-website-eu-west-1.amazonaws.com/k",
        "https://b.ec2.amazonaws.com/k",
        "https://[b.s3.amazonaws.com/k",
        "https://b.s3.amazonaws.com/%ff",
        "ftp://b.s3.amazonaws.com/k",
    ],
)
def test_no_other_form_is_understood(location: str) -> None:
    assert s3_object(location) is None


@pytest.mark.parametrize(
    ("key", "possible"),
    [("x" * 1_024, True), ("x" * 1_025, False), ("木" * 341, True), ("木" * 342, False), ("half \ud83d", False)],
    ids=["1024", "1025", "wide", "too wide", "surrogate"],
)
def test_a_key_that_s3_cannot_have_is_known(key: str, possible: bool) -> None:
    assert is_possible(key) is possible
