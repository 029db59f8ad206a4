package topology

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/accesslog"
)

// attributes reads attributes in AWS's spelling; an absent or unreadable value is the default.
type attributes map[string]string

func (a attributes) flag(key string, byDefault bool) bool {
	switch a[key] {
	case "true":
		return true
	case "false":
		return false
	}
	return byDefault
}

func (a attributes) number(key string, byDefault int) int {
	v, ok := a[key]
	if !ok {
		return byDefault
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		return byDefault
	}
	return n
}

// threshold reads a number that may be "off", which is 0.
func (a attributes) threshold(key string, byDefault int) int {
	if a[key] == "off" {
		return 0
	}
	return a.number(key, byDefault)
}

func (a attributes) seconds(key string, byDefault int) time.Duration {
	return time.Duration(a.number(key, byDefault)) * time.Second
}

func (a attributes) text(key, byDefault string) string {
	if v := a[key]; v != "" {
		return v
	}
	return byDefault
}

// LogPlace is where a log goes; no bucket: it is not written.
type LogPlace struct{ Bucket, Prefix string }

// place reads the attributes of a log.
func (a attributes) place(log string) LogPlace {
	if !a.flag(log+".s3.enabled", false) {
		return LogPlace{}
	}
	return LogPlace{a[log+".s3.bucket"], a[log+".s3.prefix"]}
}

// Stream is the log that a node of a load balancer writes there.
func (p LogPlace) Stream(kind accesslog.Kind, loadBalancer string, node netip.Addr) accesslog.Stream {
	return accesslog.Stream{Bucket: p.Bucket, Prefix: p.Prefix, Kind: kind, LoadBalancer: ResourceName(loadBalancer),
		Node: node}
}

// ResourceName is a load balancer's part of logs and metrics, by its ARN: app/NAME/ID.
func ResourceName(arn string) string {
	_, rest, _ := strings.Cut(arn, ":loadbalancer/")
	return rest
}
