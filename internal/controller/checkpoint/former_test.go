package checkpoint

import (
	"fmt"
	"maps"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	corev1 "k8s.io/api/core/v1"
)

func ofBinding(name string) ID { return ID{Preceding, name} }

// earlier writes entries as an earlier release keeps them, and leaves the other ConfigMaps as they are.
func (c *cluster) earlier(t *testing.T, sequence string, entries map[string]string) {
	t.Helper()
	m := &corev1.ConfigMap{}
	key := client.ObjectKey{Namespace: "kube-system", Name: former().name("lbc-checkpoint")}
	err := c.Get(t.Context(), key, m)
	must(t, client.IgnoreNotFound(err))
	m.Namespace, m.Name = key.Namespace, key.Name
	m.Data = map[string]string{formatKey: format, scopeKey: "demo", termKey: "1", sequenceKey: sequence}
	m.BinaryData = map[string][]byte{}
	for name, value := range entries {
		packed, err := zipped(content{Preceding, name, value})
		must(t, err)
		m.BinaryData[keyOf(name)] = packed
	}
	if m.ResourceVersion == "" {
		must(t, c.Create(t.Context(), m))
		return
	}
	must(t, c.Update(t.Context(), m))
}

func (c *cluster) expect(t *testing.T, when string, restored Restored, want map[ID]string) {
	t.Helper()
	got := map[ID]string{}
	for id, text := range restored.Entries {
		got[id] = string(text)
	}
	if !maps.Equal(got, want) || restored.Damaged > 0 {
		t.Errorf("%s: found %v, want %v; %d are damaged", when, got, want, restored.Damaged)
	}
}

// TestEntriesOfAnEarlierReleaseAreRead begins after an earlier release, and again after a crash.
func TestEntriesOfAnEarlierReleaseAreRead(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.earlier(t, "7", map[string]string{"shop/a": "1", "shop/b": "1", "shop/gone": "1"})
	peek := func(when string, want int) {
		t.Helper()
		got, err := Peek(t.Context(), c, client.ObjectKey{Namespace: "kube-system", Name: "lbc-checkpoint"}, Preceding)
		if err != nil || len(got) != want {
			t.Errorf("%s: peek reads %s, %v", when, got, err)
		}
	}
	peek("before", 3)
	s, restored := c.open(t, "demo")
	c.expect(t, "at first", restored, map[ID]string{ofBinding("shop/a"): `"1"`, ofBinding("shop/b"): `"1"`,
		ofBinding("shop/gone"): `"1"`})
	s.Put(ofBinding("shop/a"), "2")
	s.Delete(ofBinding("shop/gone"))
	must(t, s.Flush(t.Context()))
	want := map[ID]string{ofBinding("shop/a"): `"2"`, ofBinding("shop/b"): `"1"`}
	peek("edited", 2)
	s, restored = c.open(t, "demo")
	c.expect(t, "after a crash", restored, want)
	must(t, s.Flush(t.Context()))
	must(t, s.Close(t.Context()))
	peek("ended", 2)
	s, restored = c.open(t, "demo")
	c.expect(t, "after an end", restored, want)
	s.Delete(ofBinding("shop/a"))
	must(t, s.Flush(t.Context()))
	_, restored = c.open(t, "demo")
	c.expect(t, "after a deletion and a crash", restored, map[ID]string{ofBinding("shop/b"): `"1"`})
}

// TestAnEarlierReleaseReadsEntriesAfterAnOrderlyEnd returns to an earlier release, and then to this one.
func TestAnEarlierReleaseReadsEntriesAfterAnOrderlyEnd(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	s, _ := c.open(t, "demo")
	s.Put(ofBinding("shop/a"), "1")
	must(t, s.Flush(t.Context()))
	must(t, s.Close(t.Context()))
	m := &corev1.ConfigMap{}
	must(t, c.Get(t.Context(), client.ObjectKey{Namespace: "kube-system", Name: former().name("lbc-checkpoint")}, m))
	if id, value, _, err := unpackFormer(keyOf("shop/a"), m.BinaryData[keyOf("shop/a")]); err != nil ||
		id != ofBinding("shop/a") || string(value) != `"1"` {
		t.Fatalf("the earlier release reads %v %s, %v", id, value, err)
	}
	c.earlier(t, "99", map[string]string{"shop/a": "3", "shop/c": "1"})
	_, restored := c.open(t, "demo")
	c.expect(t, "back", restored, map[ID]string{ofBinding("shop/a"): `"3"`, ofBinding("shop/c"): `"1"`})
}

// TestManyBindingsHaveRoom puts more entries than one ConfigMap has room for.
func TestManyBindingsHaveRoom(t *testing.T) {
	t.Parallel()
	a := newStore()
	s, _ := a.open(t)
	value := make([]string, 8)
	for n := range 12_000 {
		for i := range value {
			value[i] = fmt.Sprintf("10.%d.%d.%d:8080", n%251, n/251, i*n%253)
		}
		s.Put(ofBinding(fmt.Sprint("shop/", n)), fmt.Sprint(value))
	}
	must(t, s.Flush(t.Context()))
	if _, restored := a.open(t); len(restored.Entries) != 12_000 {
		t.Errorf("%d entries", len(restored.Entries))
	}
}
