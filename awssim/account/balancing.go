package account

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sort"
	"strconv"

	"github.com/k8s-lbc/lbc/awssim/account/s3"
)

// Balancing is what Elastic Load Balancing holds: load balancers with their listeners and rules, and target groups with
// their targets. Its methods keep the references between them whole; the maps are for reading only.
// The zero value is empty and ready.
type Balancing struct {
	LoadBalancers map[string]*LoadBalancer // by ARN, as are the others
	TargetGroups  map[string]*TargetGroup
	Listeners     map[string]*Listener
	Rules         map[string]*Rule // the default rules as well
	TrustStores   map[string]*TrustStore

	// FixedSubnets makes network load balancers keep their subnets, as they do in partitions where removing a subnet is
	// not supported.
	FixedSubnets bool
	// Invocable is, by ARN, the functions that Elastic Load Balancing may invoke. Nil: all.
	Invocable map[string]bool
	// HealthReported is set if something checks the targets and calls SetTargetHealth: targets then stay "initial" until
	// it does. Without it, they become healthy by themselves.
	HealthReported bool
	// Anomaly reports whether a target fails more often than its peers, and whether it gets less traffic for it. It must
	// not take the account's lock. Nil: no target ever does.
	Anomaly func(targetGroup, target string, port int32) (anomalous, mitigated bool)
	// Buckets is where certificates of trust stores are read from and logs are written to.
	Buckets s3.Buckets

	named    map[string]string // kind and name → ARN
	reserved map[string]string // resource path without the id → id
	sequence uint64
}

// Kinds of names; each kind is a namespace of its own.
const (
	nameOfLoadBalancer = "loadbalancer/"
	nameOfTargetGroup  = "targetgroup/"
)

// next numbers resources in the order of their creation, which is the order that Describe calls answer in.
func (b *Balancing) next() uint64 {
	b.sequence++
	return b.sequence
}

// ReserveID makes the next resource of that path ("loadbalancer/app/web", "targetgroup/web") get that id, so that a
// described account can have the ARNs of its description.
func (b *Balancing) ReserveID(path, id string) {
	if b.reserved == nil {
		b.reserved = map[string]string{}
	}
	b.reserved[path] = id
}

// NewBalancingID is an id of sixteen hexadecimal digits for a resource of that path: the reserved one, else one that
// was never used before. Ids look random, and repeat from run to run, so that recorded runs compare.
func (a *Account) NewBalancingID(path string) string {
	if id, ok := a.reserved[path]; ok {
		delete(a.reserved, path)
		return id
	}
	sum := sha256.Sum256([]byte(a.ID + "\x00" + a.Region + "\x00" + path + "\x00" + strconv.FormatUint(a.next(), 10)))
	return hex.EncodeToString(sum[:8])
}

// BalancingARN is the ARN of path ("loadbalancer/app/web/0123456789abcdef") in this account.
func (a *Account) BalancingARN(path string) string {
	return fmt.Sprintf("arn:%s:elasticloadbalancing:%s:%s:%s", a.Partition, a.Region, a.ID, path)
}

func (b *Balancing) name(key, arn string) {
	if b.named == nil {
		b.named = map[string]string{}
	}
	b.named[key] = arn
}

// inOrder is the values of m in the order of their creation.
func inOrder[T any](m map[string]*T, seq func(*T) uint64) []*T {
	out := make([]*T, 0, len(m))
	for _, v := range m {
		out = append(out, v)
	}
	sort.Slice(out, func(i, j int) bool { return seq(out[i]) < seq(out[j]) })
	return out
}
