package naming

import (
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// MaxShards is how many load balancers a group may have.
const MaxShards = 16

// maxSharded is the length of the name of a group that may have several load balancers: finalizers and labels admit 63
// characters, of which the number of a shard takes up to three.
const maxSharded = maxLabelValue - 3

// Shardable reports whether the name of a group leaves room for the number of a shard.
func Shardable(group stack.ID) bool { return group.Namespace == "" && len(group.Name) <= maxSharded }

// ShardID returns the ID of the stack of a group's n-th load balancer. The first, 0, has that of the group; the name of
// another one has an underscore, which is in no name of a group.
func ShardID(group stack.ID, n int) stack.ID {
	if n == 0 {
		return group
	}
	return stack.ID{Name: group.Name + mark + strconv.Itoa(n)}
}

// ShardOf returns the group of a stack, and the number of its load balancer in the group. The stack of a single
// object is its own group.
func ShardOf(id stack.ID) (group stack.ID, n int) {
	at := strings.LastIndex(id.Name, mark)
	if id.Namespace != "" || at < 0 {
		return id, 0
	}
	n, err := strconv.Atoi(id.Name[at+len(mark):])
	if group = (stack.ID{Name: id.Name[:at]}); err != nil || n < 1 || n >= MaxShards || ShardID(group, n) != id {
		return id, 0
	}
	return group, n
}

// MayBeShard reports whether a generated name may belong to a load balancer of a group, by the readable part of the
// name.
func MayBeShard(group stack.ID, name string) bool {
	for n := range MaxShards {
		rest, is := strings.CutPrefix(name, "k8s-"+short(ShardID(group, n).Name, maxReadable)+"-")
		if is && !strings.Contains(strings.TrimSuffix(rest, "-nlb"), "-") {
			return true
		}
	}
	return false
}

// OfHostname returns the name of the load balancer in its DNS name: internal-NAME-HASH.REGION.elb.amazonaws.com,
// NAME-HASH.elb.REGION.amazonaws.com, perhaps after "dualstack.". "" = it is not one.
func OfHostname(host string) string {
	host = strings.TrimPrefix(strings.ToLower(host), "dualstack.")
	label, rest, _ := strings.Cut(host, ".")
	at := strings.LastIndexByte(label, '-')
	if at < 1 || !strings.Contains(rest, "elb.") {
		return ""
	}
	return strings.TrimPrefix(label[:at], "internal-")
}
