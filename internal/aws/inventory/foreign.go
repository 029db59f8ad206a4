package inventory

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/sorting"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// foreignInAListing bounds how many foreign load balancers have their tags read again by one listing: ten calls. The
// oldest come first.
const foreignInAListing = 10 * tagBatch

// Foreigners are load balancers and target groups whose tags name no stack of this cluster, by the first eight bytes of
// the hash of their ARN, which take a tenth of the room of the ARN in a checkpoint.
type Foreigners []uint64

func foreigner(arn string) uint64 {
	sum := sha256.Sum256([]byte(arn))
	return binary.BigEndian.Uint64(sum[:])
}

// Foreign are the foreign load balancers and target groups of the VPC, in a form that outlives the process.
func (i *Inventory) Foreign() Foreigners {
	i.mu.Lock()
	defer i.mu.Unlock()
	out := Foreigners{}
	for arn, t := range i.tags {
		if _, _, ours := naming.StackOf(i.cfg.Cluster, arn, t.tags); !ours && !t.assumed &&
			!naming.Ambiguous(i.cfg.Cluster, t.tags) {
			out = append(out, foreigner(arn))
		}
	}
	slices.Sort(out)
	return out
}

// AssumeForeign takes over what an earlier process knew to be foreign at a time. The first listing does not read the
// tags of those; they are read again in the background as those that this process has read at that time would be. Later
// it has no effect.
func (i *Inventory) AssumeForeign(kept Foreigners, since time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.listed.invalidations == 0 {
		i.keptForeign, i.foreignSince = kept, since
	}
}

// assumedForeign are the tags of what an earlier process knew to be foreign, among some resources. i.mu is held.
func (i *Inventory) assumedForeign(arns []string) map[string]readTags {
	out := map[string]readTags{}
	if len(i.keptForeign) == 0 {
		return out
	}
	for _, arn := range arns {
		if _, foreign := slices.BinarySearch(i.keptForeign, foreigner(arn)); foreign {
			out[arn] = readTags{tags: map[string]string{}, version: version{at: i.foreignSince}}
		}
	}
	return out
}

// aged are the resources whose tags are due to be read again, those read longest ago first: foreign ones, and those of
// which only an earlier process has read them. Foreign are those whose tags name no stack of this cluster: others may
// tag them for it at any time. i.mu is held.
func (i *Inventory) aged(due func(arn string) bool) []string {
	var out []string
	for arn, t := range i.tags {
		if _, _, ours := naming.StackOf(i.cfg.Cluster, arn, t.tags); t.assumed || !ours && due(arn) {
			out = append(out, arn)
		}
	}
	sorting.By(out, func(a, b string) int {
		return cmp.Or(i.tags[a].at.Compare(i.tags[b].at), cmp.Compare(a, b))
	})
	return out
}

// agedForAListing are the foreign load balancers whose tags a listing reads again, so that a load balancer is not
// created for a stack that has got one. i.mu is held.
func (i *Inventory) agedForAListing() []string {
	now := i.cfg.Now()
	old := i.aged(func(arn string) bool {
		return kindOf(arn) == stack.KindLoadBalancer && now.Sub(i.tags[arn].at) >= absenceConfirmedFor
	})
	return old[:min(len(old), foreignInAListing)]
}

// RereadTags reads again the tags of the foreign load balancers and target groups, one call at most, that were read
// longest ago, if that is longer than foreignLifetime, and of those whose tags an earlier process left. What turns out
// to be of a stack is read by the stack's next Observed, and Config.Freed is called with it. read reports whether a
// call was made.
func (i *Inventory) RereadTags(ctx context.Context) (read bool, err error) {
	i.mu.Lock()
	now := i.cfg.Now()
	old := i.aged(func(arn string) bool { return now.Sub(i.tags[arn].at) >= foreignLifetime })
	i.mu.Unlock()
	if len(old) == 0 {
		return false, nil
	}
	old = old[:min(len(old), tagBatch)]
	begun := i.beginTagRead(len(old))
	tags, err := i.describeTagBatch(ctx, old)
	if err != nil {
		return true, fmt.Errorf("reading the tags of load balancers and target groups again: %w", err)
	}
	gained := map[stack.Key]bool{}
	i.mu.Lock()
	for _, arn := range old {
		t, exists := tags[arn]
		// written or read meanwhile
		if was, known := i.tags[arn]; !known || was.at.After(begun.at) || i.retagged[arn] > begun.writes {
			continue
		}
		left, differs := i.takeTags(arn, readTags{tags: t, version: begun.version})
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
	i.notify(sorting.Sorted(maps.Keys(gained), stack.Key.Compare))
	return true, nil
}

// gain has a stack read a resource that was tagged for it by others. i.mu is held.
func (i *Inventory) gain(key stack.Key, arn string) {
	e := i.stacks[key]
	if e == nil {
		e = newEntry(key)
		e.at = i.listed.at
		i.stacks[key] = e
	}
	e.markUncertain(uncertain{kind: kindOf(arn), id: arn})
}
