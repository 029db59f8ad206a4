package checkpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// cluster is an API server that counts writes and can refuse them.
type cluster struct {
	client.Client
	mu     sync.Mutex // of writes
	writes int
	refuse error
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{}
	c.Client = interceptor.NewClient(fake.NewClientBuilder().Build(), interceptor.Funcs{
		Create: func(ctx context.Context, w client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			return c.write(func() error { return w.Create(ctx, o, opts...) })
		},
		Update: func(ctx context.Context, w client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			return c.write(func() error { return w.Update(ctx, o, opts...) })
		},
	})
	return c
}

func (c *cluster) write(do func() error) error {
	if c.refuse != nil {
		return c.refuse
	}
	c.mu.Lock()
	c.writes++
	c.mu.Unlock()
	return do()
}

func (c *cluster) objects(t *testing.T) []corev1.ConfigMap {
	t.Helper()
	var list corev1.ConfigMapList
	must(t, c.List(t.Context(), &list))
	return list.Items
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (c *cluster) process(scope string) *Store {
	return New(c, Config{Namespace: "kube-system", Name: "lbc-checkpoint", Scope: scope,
		Now: func() time.Time { return start }, Log: logr.Discard()})
}

func (c *cluster) open(t *testing.T, scope string) (*Store, Restored) {
	t.Helper()
	s := c.process(scope)
	restored, err := s.Open(t.Context(), func(bool) {})
	must(t, err)
	return s, restored
}

func memory(name string) ID { return ID{Memory, name} }

func TestWhatAProcessPutsTheNextOneReads(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	a, restored := c.open(t, "demo")
	if len(restored.Entries) != 0 || restored.Complete || !restored.At.IsZero() {
		t.Errorf("the first process found %+v", restored)
	}
	a.Put(memory("shop/web"), map[string]int{"x": 1})
	a.Put(ID{Observed, "shop/web"}, "observed")
	a.Put(memory("shop/gone"), 1)
	must(t, a.Flush(t.Context()))
	a.Delete(memory("shop/gone"))
	must(t, a.Close(t.Context()))
	for _, o := range c.objects(t) { // the chart's role permits these names only
		if !slices.Contains(Names("lbc-checkpoint"), o.Name) {
			t.Errorf("%s is not one of the names", o.Name)
		}
	}
	_, restored = c.open(t, "demo")
	if got := string(restored.Entries[memory("shop/web")]); got != `{"x":1}` || len(restored.Entries) != 2 ||
		!restored.Complete || !restored.At.Equal(start) || restored.Damaged > 0 {
		t.Errorf("the second process found %+v", restored)
	}
	if _, restored = c.open(t, "demo"); restored.Complete {
		t.Error("after a process that did not end well, nothing may be missing")
	}
}

func TestRewriteSurvivesRestoreOfEtcd(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	a, _ := c.open(t, "demo")
	a.Put(memory("shop/web"), "old")
	a.Put(memory("shop/gone"), "old")
	must(t, a.Flush(t.Context()))
	snapshot := c.objects(t)
	a.Put(memory("shop/web"), "new")
	a.Delete(memory("shop/gone"))
	for n := range 20 {
		a.Put(ID{Observed, fmt.Sprint("shop/", n)}, "new")
	}
	must(t, a.Flush(t.Context()))
	for _, m := range c.objects(t) { // etcd is restored
		must(t, c.Delete(t.Context(), &m))
	}
	for _, m := range snapshot {
		m.ResourceVersion = ""
		must(t, c.Create(t.Context(), &m))
	}
	a.Rewrite()
	must(t, a.Flush(t.Context()))
	_, restored := c.open(t, "demo")
	if got := string(restored.Entries[memory("shop/web")]); got != `"new"` || len(restored.Entries) != 21 {
		t.Errorf("the next process found %q and %d entries", got, len(restored.Entries))
	}
}

func TestNothingIsWrittenUnlessSomethingChanged(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	s, _ := c.open(t, "demo")
	for n := range 100 {
		s.Put(memory(fmt.Sprint(n)), n)
	}
	must(t, s.Flush(t.Context()))
	if most := 1 + 8; c.writes > most {
		t.Errorf("%d writes for 100 entries, want at most %d", c.writes, most)
	}
	before := c.writes
	for range 50 {
		for n := range 100 {
			s.Put(memory(fmt.Sprint(n)), n)
		}
		must(t, s.Flush(t.Context()))
	}
	if c.writes != before {
		t.Errorf("%d writes of what did not change", c.writes-before)
	}
	s.Put(memory("7"), "other")
	must(t, s.Flush(t.Context()))
	if c.writes != before+1 {
		t.Errorf("%d writes for one entry", c.writes-before)
	}
}

func TestAFormerLeaderWritesNothingOnceANewOneHasBegun(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	old, _ := c.open(t, "demo")
	old.Put(memory("a"), "old")
	must(t, old.Flush(t.Context()))
	late, _ := c.open(t, "demo")
	// in a shard that exists, and in some that do not
	for _, id := range []ID{memory("a"), memory("b"), {Targets, "arn"}} {
		old.Put(id, "late")
	}
	if err := old.Flush(t.Context()); !errors.Is(err, ErrFenced) {
		t.Errorf("the former leader's write gives %v", err)
	}
	if old.Enabled() {
		t.Error("the former leader would go on writing")
	}
	must(t, late.Flush(t.Context()))
	_, restored := c.open(t, "demo")
	if got := string(restored.Entries[memory("a")]); got != `"old"` || len(restored.Entries) != 1 {
		t.Errorf("a former leader's write is believed: %s", restored.Entries)
	}
}

func TestAnEditByHandIsOverwritten(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	s, _ := c.open(t, "demo")
	s.Put(memory("a"), 1)
	must(t, s.Flush(t.Context()))
	for _, m := range c.objects(t) {
		if strings.Contains(m.Name, "memory") {
			must(t, c.Delete(t.Context(), &m))
		}
	}
	s.Put(memory("a"), 2)
	must(t, s.Flush(t.Context()))
	for _, m := range c.objects(t) {
		if strings.Contains(m.Name, "memory") {
			m.BinaryData = nil
			must(t, c.Update(t.Context(), &m))
		}
	}
	s.Put(memory("a"), 3)
	must(t, s.Close(t.Context()))
	if _, restored := c.open(t, "demo"); string(restored.Entries[memory("a")]) != "3" {
		t.Errorf("found %s", restored.Entries)
	}
}

func TestForeignCheckpointsAreIgnored(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	s, _ := c.open(t, "demo vpc-1")
	s.Put(memory("a"), 1)
	must(t, s.Close(t.Context()))
	other, restored := c.open(t, "demo vpc-2")
	if len(restored.Entries) != 0 || restored.Complete {
		t.Errorf("another VPC's checkpoint is believed: %+v", restored)
	}
	other.Put(memory("b"), 2)
	must(t, other.Close(t.Context()))
	if _, restored := c.open(t, "demo vpc-2"); len(restored.Entries) != 1 {
		t.Errorf("found %s", restored.Entries)
	}
}

func TestWithoutRightsNothingIsKeptAndNothingIsTriedAgain(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.refuse = apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "lbc-checkpoint", errors.New("no"))
	s := c.process("demo")
	if _, err := s.Open(t.Context(), func(bool) {}); err == nil || s.Enabled() {
		t.Errorf("opening gives %v; goes on: %t", err, s.Enabled())
	}
	s.Put(memory("a"), 1)
	must(t, s.Flush(t.Context()))
	must(t, s.Close(t.Context()))
	if len(s.entries) > 0 {
		t.Error("entries that are never written stay in memory")
	}
}

func TestWhatFailedIsWrittenLater(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	s, _ := c.open(t, "demo")
	s.Put(memory("a"), 1)
	c.refuse = apierrors.NewInternalError(errors.New("etcd"))
	if err := s.Flush(t.Context()); err == nil {
		t.Error("the failure is not told")
	}
	c.refuse = nil
	must(t, s.Close(t.Context()))
	if _, restored := c.open(t, "demo"); len(restored.Entries) != 1 {
		t.Errorf("found %s", restored.Entries)
	}
}

func TestEntriesOfStacksThatAreGoneAreDroppedAfterAWhile(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	s, _ := c.open(t, "demo")
	s.Put(memory("a"), 1)
	s.Put(memory("b"), 1)
	must(t, s.Close(t.Context()))
	now := start
	s = New(c, Config{Namespace: "kube-system", Name: "lbc-checkpoint", Scope: "demo",
		Now: func() time.Time { return now }, Log: logr.Discard()})
	_, err := s.Open(t.Context(), func(bool) {})
	must(t, err)
	s.Put(memory("a"), 1)
	must(t, s.Flush(t.Context()))
	now = now.Add(untouchedLifetime + time.Second)
	must(t, s.Close(t.Context()))
	_, restored := c.open(t, "demo")
	if _, ok := restored.Entries[memory("a")]; !ok || len(restored.Entries) != 1 {
		t.Errorf("found %s", restored.Entries)
	}
}

func TestFullConfigMapLeavesOutLargestEntries(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	s, _ := c.open(t, "demo")
	r := rand.New(rand.NewPCG(1, 2))
	noise := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(' ' + r.IntN(90))
		}
		return string(b)
	}
	var names []string // all of them in one ConfigMap
	for n := 0; len(names) < 8; n++ {
		if name := fmt.Sprint(n); shardOf(memory(name)).n == 0 {
			names = append(names, name)
		}
	}
	for _, name := range names[1:] {
		s.Put(memory(name), noise(200<<10))
	}
	s.Put(memory(names[0]), "small")
	s.Put(memory("huge"), noise(2<<20))
	must(t, s.Close(t.Context()))
	for _, m := range c.objects(t) {
		size := 0
		for k, v := range m.BinaryData {
			size += len(k) + len(v)
		}
		if size > mostBytes {
			t.Errorf("%s has %d bytes", m.Name, size)
		}
	}
	_, restored := c.open(t, "demo")
	if _, ok := restored.Entries[memory("huge")]; ok {
		t.Error("an entry larger than a ConfigMap was written")
	}
	if _, ok := restored.Entries[memory(names[0])]; !ok || len(restored.Entries) < 5 || len(restored.Entries) > 6 {
		t.Errorf("only %d entries were restored", len(restored.Entries))
	}
}

// TestDamageCostsTheDamagedEntryOnly flips bits, cuts and exchanges entries: what is read is what was written, or
// nothing.
func TestDamageCostsTheDamagedEntryOnly(t *testing.T) {
	t.Parallel()
	for seed := range uint64(sample.Count(3, 10)) {
		r := rand.New(rand.NewPCG(seed, 1))
		c := newCluster(t)
		s, _ := c.open(t, "demo")
		for n := range 30 {
			s.Put(memory(fmt.Sprint(n)), strings.Repeat(fmt.Sprint(n), 20))
		}
		must(t, s.Close(t.Context()))
		for _, m := range c.objects(t) {
			var last []byte
			for k, v := range m.BinaryData {
				switch r.IntN(5) {
				case 0:
					v[r.IntN(len(v))] ^= 1 << r.IntN(8)
				case 1:
					m.BinaryData[k] = v[:r.IntN(len(v))]
				case 2:
					m.BinaryData[k] = last
				}
				last = v
			}
			if key := []string{formatKey, scopeKey, termKey, stateKey, timeKey}[r.IntN(5)]; r.IntN(3) == 0 {
				m.Data[key] = []string{"", "2", "-1", "99999999999999999999", "nonsense"}[r.IntN(5)]
			}
			must(t, c.Update(t.Context(), &m))
		}
		next, restored := c.open(t, "demo")
		for id, text := range restored.Entries {
			var got string
			must(t, json.Unmarshal(text, &got))
			if want := strings.Repeat(id.Name, 20); got != want {
				t.Errorf("seed %d: %s is read as %q", seed, id.Name, got)
			}
		}
		next.Put(memory("0"), "new")
		must(t, next.Close(t.Context()))
		if _, restored = c.open(t, "demo"); restored.Damaged > 0 || string(restored.Entries[memory("0")]) != `"new"` {
			t.Errorf("seed %d: damage outlives a leader: %+v", seed, restored)
		}
	}
}

func TestEntryThatWasReadStays(t *testing.T) {
	t.Parallel()
	var packed [2][]byte
	for n, value := range []string{"first", "other"} {
		var err error
		packed[n], err = zipped(content{Memory, "ingress shop/web", value})
		must(t, err)
	}
	for range 100 { // a reader is often used again
		_, first, _, err := decode(packed[0])
		must(t, err)
		_, _, _, err = decode(packed[1])
		must(t, err)
		if string(first) != `"first"` {
			t.Fatalf("the next read changed the value to %s", first)
		}
	}
}
