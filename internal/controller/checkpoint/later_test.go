package checkpoint

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func history(name string) ID { return ID{History, name} }

// late is a store whose clock the test moves.
func late(t *testing.T, c *cluster) (s *Store, now *time.Time) {
	t.Helper()
	at := start
	s = New(c, Config{Namespace: "kube-system", Name: "lbc-checkpoint", Scope: "demo", Now: func() time.Time { return at },
		Log: logr.Discard()})
	_, err := s.Open(t.Context(), func(bool) {})
	must(t, err)
	return s, &at
}

// peeked is how many entries of kind History are in the ConfigMaps.
func peeked(t *testing.T, c client.Reader) int {
	t.Helper()
	all, err := Peek(t.Context(), c, client.ObjectKey{Namespace: "kube-system", Name: "lbc-checkpoint"}, History)
	must(t, err)
	return len(all)
}

func TestPutLaterCausesNoWriteForAMinute(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	s, now := late(t, c)
	before := c.writes
	for n := range 200 {
		s.PutLater(history(fmt.Sprint("shop/", n)), n)
	}
	*now = now.Add(laterInterval - time.Second)
	s.PutLater(history("shop/0"), "again") // does not begin to wait anew
	must(t, s.Flush(t.Context()))
	if c.writes != before {
		t.Errorf("%d writes before a minute was over", c.writes-before)
	}
	*now = now.Add(time.Second)
	must(t, s.Flush(t.Context()))
	written := c.writes - before
	must(t, s.Flush(t.Context()))
	if got := peeked(t, c); got != 200 || written == 0 || written > 8 || c.writes-before != written {
		t.Errorf("%d of 200 entries are there after %d writes", got, written)
	}
}

func TestPutLaterIsWrittenBesideAnotherEntry(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	s, _ := late(t, c)
	for n := range 200 {
		s.PutLater(history(fmt.Sprint("shop/", n)), n)
	}
	before := c.writes
	s.Put(memory("shop/web"), 1)
	must(t, s.Flush(t.Context()))
	if got := peeked(t, c); got != mostWithOthers || c.writes != before+1 {
		t.Errorf("%d entries are written beside another one, by %d writes", got, c.writes-before)
	}
	must(t, s.Close(t.Context()))
	if got := peeked(t, c); got != 200 {
		t.Errorf("the last write has %d of 200 entries", got)
	}
}

func TestPutKeepsItsHasteWhenPutLaterFollows(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	s, _ := late(t, c)
	s.Put(history("shop/web"), 1)
	s.PutLater(history("shop/web"), 2)
	must(t, s.Flush(t.Context()))
	if got := peeked(t, c); got != 1 {
		t.Error("an entry that was to be written at once waits")
	}
	s.PutLater(history("shop/web"), 3)
	s.Delete(history("shop/web"))
	must(t, s.Flush(t.Context()))
	if got := peeked(t, c); got != 0 {
		t.Error("an entry that was removed is still there")
	}
}

// TestHistoryHasNoConfigMapsOfItsOwn: a role of an earlier chart names those that may be written.
func TestHistoryHasNoConfigMapsOfItsOwn(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	s, _ := late(t, c)
	s.Put(memory("shop/web"), "of the compiler")
	s.Put(history("shop/web"), "what was done")
	must(t, s.Flush(t.Context()))
	must(t, s.Close(t.Context()))
	for _, m := range c.objects(t) {
		if strings.Contains(m.Name, string(History)) {
			t.Errorf("ConfigMap %s", m.Name)
		}
	}
	_, restored := c.open(t, "demo")
	if len(restored.Entries) != 2 || string(restored.Entries[history("shop/web")]) != `"what was done"` ||
		string(restored.Entries[memory("shop/web")]) != `"of the compiler"` {
		t.Errorf("restored: %s", restored.Entries)
	}
	memories, err := Peek(t.Context(), c, client.ObjectKey{Namespace: "kube-system", Name: "lbc-checkpoint"}, Memory)
	if err != nil || len(memories) != 1 || peeked(t, c) != 1 {
		t.Errorf("Peek finds %s, %v", memories, err)
	}
}

func TestHistoryIsLeftOutBeforeAllOthers(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	s, _ := late(t, c)
	id := shardOf(memory("shop/web"))
	for n := 0; len(s.entries) < 3; n++ {
		if of := history(fmt.Sprint("shop/", n)); shardOf(of) == id {
			s.add(of, &entry{packed: make([]byte, 400<<10)})
		}
	}
	s.add(memory("shop/web"), &entry{packed: make([]byte, 600<<10)})
	m, left := s.object(id)
	if left != 3 || len(m.BinaryData[dataKey(memory("shop/web"))]) != 600<<10 {
		t.Errorf("%d entries are left out of a ConfigMap that has %d", left, len(m.BinaryData))
	}
}
