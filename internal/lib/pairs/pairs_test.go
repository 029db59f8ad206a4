package pairs

import (
	"maps"
	"testing"
)

func TestPairsAreFoundByEitherKey(t *testing.T) {
	t.Parallel()
	var m Map[string, int, bool]
	m.Delete("a", 1)
	m.DeleteOf("a")
	m.Set("a", 1, true)
	m.Set("a", 2, false)
	m.Set("b", 1, true)
	m.Set("b", 1, false)
	if !maps.Equal(m.Of("a"), map[int]bool{1: true, 2: false}) ||
		!maps.Equal(m.By(1), map[string]bool{"a": true, "b": false}) || len(m.Of("c")) > 0 || len(m.By(3)) > 0 {
		t.Errorf("%v", m)
	}
	for b := range m.Of("a") {
		m.Delete("a", b)
	}
	if len(m.Of("a")) > 0 || len(m.By(2)) > 0 || len(m.By(1)) != 1 {
		t.Errorf("after Delete: %v", m)
	}
	if m.DeleteOf("b"); len(m.of)+len(m.by) > 0 {
		t.Errorf("after DeleteOf: %v", m)
	}
}
