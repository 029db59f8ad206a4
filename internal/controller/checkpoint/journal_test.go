package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// noisy is a value of some 300 bytes that gzip does not make smaller, as the entry of a load balancer with a few rules.
func noisy(r *rand.Rand) string {
	b := make([]byte, 300)
	for i := range b {
		b[i] = byte(' ' + r.IntN(90))
	}
	return string(b)
}

// store is an API server that has ConfigMaps only and counts their bytes.
type store struct {
	mu      sync.Mutex
	objects map[string]*corev1.ConfigMap
	version int
	bytes   int
	refuse  bool
}

func newStore() *store { return &store{objects: map[string]*corev1.ConfigMap{}} }

func (a *store) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	m, ok := a.objects[key.Name]
	if !ok {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, key.Name)
	}
	into, _ := o.(*corev1.ConfigMap)
	m.DeepCopyInto(into)
	return nil
}

func (a *store) Create(_ context.Context, o client.Object, _ ...client.CreateOption) error {
	return a.write(o, "")
}

func (a *store) Update(_ context.Context, o client.Object, _ ...client.UpdateOption) error {
	return a.write(o, o.GetResourceVersion())
}

func (a *store) write(o client.Object, version string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refuse {
		return apierrors.NewInternalError(errors.New("etcd"))
	}
	m, _ := o.(*corev1.ConfigMap)
	if has := versionOf(a.objects[m.Name]); has != version {
		return apierrors.NewConflict(schema.GroupResource{Resource: "configmaps"}, m.Name, errors.New(has))
	}
	for k, v := range m.BinaryData {
		a.bytes += len(k) + len(v)
	}
	a.version++
	m.ResourceVersion = fmt.Sprint(a.version)
	a.objects[m.Name] = m.DeepCopy()
	return nil
}

func (a *store) open(t *testing.T) (*Store, Restored) {
	t.Helper()
	s := New(a, Config{Namespace: "kube-system", Name: "lbc-checkpoint", Scope: "demo",
		Now: func() time.Time { return start }, Log: logr.Discard()})
	restored, err := s.Open(t.Context(), func(bool) {})
	must(t, err)
	return s, restored
}

// TestFlushLooksAtChangedEntriesOnly has an entry at which a look would panic: some changes flush before they go on.
func TestFlushLooksAtChangedEntriesOnly(t *testing.T) {
	t.Parallel()
	a := newStore()
	s, _ := a.open(t)
	s.entries[memory("untouched")] = nil
	for _, id := range []ID{memory("web"), {Preceding, "shop/web"}} {
		s.Put(id, "1")
		must(t, s.Flush(t.Context()))
		if len(s.pending) > 0 {
			t.Errorf("still to be written: %v", s.pending)
		}
		s.Delete(id)
		must(t, s.Flush(t.Context()))
		if s.entries[id] != nil || s.byShard[shardOf(id)][id] != nil {
			t.Errorf("%v is kept", id)
		}
	}
}

func TestTheBytesOfAnEditDoNotGrowWithTheStacks(t *testing.T) {
	t.Parallel()
	bytesOfAnEdit(t, Memory, Observed)
}

// TestTheBytesOfAnEditDoNotGrowWithTheBindings edits what is known of the bindings that users made.
func TestTheBytesOfAnEditDoNotGrowWithTheBindings(t *testing.T) {
	t.Parallel()
	bytesOfAnEdit(t, Preceding, Preceding)
}

// bytesOfAnEdit fails if the bytes of an edit, which changes an entry of each of the kinds, grow with the objects.
func bytesOfAnEdit(t *testing.T, kinds ...Kind) {
	t.Helper()
	growth.AtMost(t, 0.1, "bytes of checkpoints of an edit", func(n int) float64 {
		r := rand.New(rand.NewPCG(1, uint64(n)))
		a := newStore()
		s, _ := a.open(t)
		edit := func(stack int) {
			for of, kind := range kinds {
				s.Put(ID{kind, fmt.Sprintf("shop-%d/%d", of, stack)}, noisy(r))
			}
		}
		for stack := range n {
			edit(stack)
		}
		must(t, s.Flush(t.Context()))
		a.bytes = 0
		edits := sample.Count(900, 1600) // the journal is folded once, in the long form twice
		for range edits {
			edit(r.IntN(n))
			must(t, s.Flush(t.Context()))
		}
		return float64(a.bytes) / float64(edits)
	})
}

// TestWhatAnyProcessLeavesTheNextOneReads makes random edits in processes that end in order, or crash, or whose writes
// fail, and compares what the next one reads.
func TestWhatAnyProcessLeavesTheNextOneReads(t *testing.T) {
	t.Parallel()
	for seed := range uint64(sample.Count(1, 4)) {
		r := rand.New(rand.NewPCG(seed, 7))
		c := newStore()
		want := map[ID]string{}
		for life := range 5 {
			s, restored := c.open(t)
			got := map[ID]string{}
			for id, text := range restored.Entries {
				got[id] = string(text)
			}
			if !maps.Equal(got, want) || restored.Damaged > 0 {
				t.Fatalf("seed %d, life %d: %d entries, want %d; %d are damaged", seed, life, len(got), len(want), restored.Damaged)
			}
			for range r.IntN(sample.Count(60, 250)) {
				for range 1 + r.IntN(3)*r.IntN(30) {
					id := ID{[]Kind{Memory, Observed, Duplicates, Preceding}[r.IntN(4)], fmt.Sprint(r.IntN(60))}
					if r.IntN(4) == 0 {
						s.Delete(id)
						delete(want, id)
						continue
					}
					value := strings.ReplaceAll(
						strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(noisy(r), `"`, "_"), `\`, "_"), "<",
							"_"), ">", "_"), "&", "_")
					s.Put(id, value)
					want[id] = `"` + value + `"`
				}
				if r.IntN(10) == 0 {
					c.refuse = true
					_ = s.Flush(t.Context())
					c.refuse = false
					continue
				}
				must(t, s.Flush(t.Context()))
			}
			if must(t, s.Flush(t.Context())); r.IntN(2) == 0 {
				must(t, s.Close(t.Context()))
			}
		}
	}
}

// TestAnEarlierVersionReadsAllAfterAnOrderlyEnd reads as a version that knows no journal.
func TestAnEarlierVersionReadsAllAfterAnOrderlyEnd(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	s, _ := c.open(t, "demo")
	s.Put(memory("a"), 1)
	must(t, s.Flush(t.Context()))
	s.Put(memory("a"), 2)
	must(t, s.Close(t.Context()))
	found := ""
	for _, m := range c.objects(t) {
		if strings.Contains(m.Name, "memory") {
			for key, packed := range m.BinaryData {
				_, value, _, err := unpack(shardOf(memory("a")), key, packed)
				must(t, err)
				found += string(value)
			}
		}
	}
	if found != "2" {
		t.Errorf("the shards have %q", found)
	}
}

// TestAJournalOlderThanAnEarlierVersionIsIgnored has a version without a journal write after a crash of one with it.
func TestAJournalOlderThanAnEarlierVersionIsIgnored(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	s, _ := c.open(t, "demo")
	s.Put(memory("a"), "journal")
	must(t, s.Flush(t.Context()))
	old, _ := c.open(t, "demo")
	old.journal.off = true
	old.Put(memory("a"), "earlier version")
	must(t, old.Close(t.Context()))
	for _, m := range c.objects(t) {
		if delete(m.Data, sequenceKey); strings.Contains(m.Name, "journal") {
			m.Data[termKey] = "1" // an earlier version does not take it over
		}
		must(t, c.Update(t.Context(), &m))
	}
	if _, restored := c.open(t, "demo"); string(restored.Entries[memory("a")]) != `"earlier version"` {
		t.Errorf("found %s", restored.Entries)
	}
}

func TestPeekReadsTheJournal(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	s, _ := c.open(t, "demo")
	s.Put(memory("a"), 1)
	s.Put(memory("gone"), 1)
	must(t, s.Close(t.Context()))
	s, _ = c.open(t, "demo")
	s.Put(memory("a"), 2)
	s.Delete(memory("gone"))
	must(t, s.Flush(t.Context()))
	got, err := Peek(t.Context(), c, client.ObjectKey{Namespace: "kube-system", Name: "lbc-checkpoint"}, Memory)
	if err != nil || len(got) != 1 || string(got["a"]) != "2" {
		t.Errorf("%s, %v", got, err)
	}
}

// TestWithoutTheRightToTheJournalShardsAreWritten has a role of an earlier chart, which names the ConfigMaps.
func TestWithoutTheRightToTheJournalShardsAreWritten(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"get", "create"} {
		forbid := func(of, name string) error {
			if of == verb && strings.Contains(name, "journal") {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, name, errors.New("no"))
			}
			return nil
		}
		c := &cluster{Client: interceptor.NewClient(fake.NewClientBuilder().Build(), interceptor.Funcs{
			Get: func(ctx context.Context, w client.WithWatch, key client.ObjectKey, o client.Object,
				opts ...client.GetOption) error {
				return errors.Join(forbid("get", key.Name), w.Get(ctx, key, o, opts...))
			},
			Create: func(ctx context.Context, w client.WithWatch, o client.Object, opts ...client.CreateOption) error {
				if err := forbid("create", o.GetName()); err != nil {
					return err
				}
				return w.Create(ctx, o, opts...)
			},
		})}
		s, _ := c.open(t, "demo")
		s.Put(memory("a"), 1)
		must(t, s.Flush(t.Context()))
		if _, restored := c.open(t, "demo"); !s.Enabled() || string(restored.Entries[memory("a")]) != "1" {
			t.Errorf("without %s: found %s; still written: %t", verb, restored.Entries, s.Enabled())
		}
	}
}

// TestPassesWaitForCheckpointsThatAreReadSlowly reads objects for minutes in one case, and none of them in the other.
func TestPassesWaitForCheckpointsThatAreReadSlowly(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		each time.Duration
		want bool
	}{"slow": {openTimeout * 9 / 10, true}, "stuck": {time.Hour, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			former, _ := c.open(t, "demo")
			former.Put(memory("shop/web"), 1)
			must(t, former.Close(t.Context()))
			synctest.Test(t, func(t *testing.T) {
				watched, _ := c.Client.(client.WithWatch)
				slow := &cluster{
					Client: interceptor.NewClient(watched, interceptor.Funcs{Get: func(ctx context.Context, w client.WithWatch,
						key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
						select {
						case <-time.After(tc.each):
							return w.Get(ctx, key, o, opts...)
						case <-ctx.Done():
							return ctx.Err()
						}
					}})}
				var got Restored
				w := NewWriter(slow.process("demo"), func(r Restored) { got = r }, logr.Discard())
				begun := time.Now()
				if ok := w.Restore(t.Context()); ok != tc.want || (len(got.Entries) == 1) != tc.want {
					t.Errorf("restored %t: %v", ok, got)
				}
				if took := time.Since(begun); tc.want != (took > openTimeout) {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}
