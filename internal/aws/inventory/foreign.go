package inventory

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/order"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// foreignInAListing limits how many foreign load balancers one listing reads the tags of again: ten calls. The tags
// that were read longest ago come first.
const foreignInAListing = 10 * tagBatch

// Foreigners are load balancers and target groups whose tags name no stack of this cluster. Each is the first eight
// bytes of the hash of its ARN, which take a tenth of the ARN's space in a checkpoint.
type Foreigners []uint64

func foreigner(arn string) uint64 {
	sum := sha256.Sum256([]byte(arn))
	return binary.BigEndian.Uint64(sum[:])
}

// Foreign returns the foreign load balancers and target groups of the VPC, for a checkpoint.
func (i *Inventory) Foreign() Foreigners {
	i.mu.Lock()
	defer i.mu.Unlock()
	out := Foreigners{}
	for arn, t := range i.tags {
		if _, _, ours := naming.StackOf(i.cfg.Cluster, arn, t.tags); !ours && t.known() &&
			!naming.Ambiguous(i.cfg.Cluster, t.tags) {
			out = append(out, foreigner(arn))
		}
	}
	slices.Sort(out)
	return out
}

// assumedForeign returns the tags of those resources that an earlier process knew to be foreign. The caller holds i.mu.
func (i *Inventory) assumedForeign(arns []string) map[string]readTags {
	out := map[string]readTags{}
	if len(i.kept.Foreign) == 0 {
		return out
	}
	for _, arn := range arns {
		if _, foreign := slices.BinarySearch(i.kept.Foreign, foreigner(arn)); foreign {
			out[arn] = readTags{map[string]string{}, order.Mark{At: i.kept.Since}}
		}
	}
	return out
}

// aged returns the resources whose tags are due to be read again, the oldest first: foreign ones, which others may
// tag for this cluster at any time, and those whose tags only an earlier process has read. The caller holds i.mu.
func (i *Inventory) aged(due func(arn string) bool) []string {
	var out []string
	for arn, t := range i.tags {
		if _, _, ours := naming.StackOf(i.cfg.Cluster, arn, t.tags); t.assumed() || !ours && t.known() && due(arn) {
			out = append(out, arn)
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		return cmp.Or(i.tags[a].At.Compare(i.tags[b].At), cmp.Compare(a, b))
	})
	return out
}

// agedForAListing returns the foreign load balancers whose tags a listing reads again. Otherwise the controller could
// create a second load balancer for a stack for which others tagged one. The caller holds i.mu.
func (i *Inventory) agedForAListing() []string {
	now := i.cfg.Now()
	old := i.aged(func(arn string) bool {
		return kindOf(arn) == stack.KindLoadBalancer && now.Sub(i.tags[arn].At) >= absenceConfirmedFor
	})
	return old[:min(len(old), foreignInAListing)]
}

// RereadTags makes at most one call to read tags again: of foreign load balancers and target groups whose tags are
// older than foreignLifetime or in doubt, the oldest first, and of resources whose tags only an earlier process has
// read. If a resource turns out to be a stack's, the stack's next Observed reads it, and Config.Freed is called with the
// stack. read reports whether a call was made.
func (i *Inventory) RereadTags(ctx context.Context) (read bool, err error) {
	i.mu.Lock()
	now := i.cfg.Now()
	old := i.aged(func(arn string) bool { return now.Sub(i.tags[arn].At) >= foreignLifetime })
	i.mu.Unlock()
	if len(old) == 0 {
		return false, nil
	}
	old = old[:min(len(old), tagBatch)]
	begun := i.begin()
	tags, err := i.describeTagBatch(ctx, old)
	if err != nil {
		return true, fmt.Errorf("reading the tags of load balancers and target groups again: %w", err)
	}
	gained := map[stack.Key]bool{}
	i.mu.Lock()
	for _, arn := range old {
		t, exists := tags[arn]
		// this process wrote or read the tags meanwhile
		if was := i.tags[arn]; !was.known() || was.At.After(begun.At) || was.N > begun.N {
			continue
		}
		left, differs := i.takeTags(arn, readTags{t, begun})
		if differs {
			gained[left] = true
		}
		if !exists {
			delete(i.tags, arn)
			continue
		}
		if key, _, ours := naming.StackOf(i.cfg.Cluster, arn, t); ours && key != left {
			i.gain(key, arn)
			gained[key] = true
		}
	}
	i.mu.Unlock()
	i.notify(slices.SortedFunc(maps.Keys(gained), stack.Key.Compare))
	return true, nil
}

// gain makes a stack read a resource that others tagged for it. The caller holds i.mu.
func (i *Inventory) gain(key stack.Key, arn string) {
	i.lockedEntry(key).markUncertain(uncertain{kind: kindOf(arn), id: arn})
}
