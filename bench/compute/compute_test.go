package compute

import "testing"

func TestNothingIsPlannedForAnAccountThatHasItAll(t *testing.T) {
	t.Parallel()
	for _, size := range []struct{ members, rules int }{{1, 1}, {1, 10}, {100, 1}, {100, 10}} {
		c, err := New(size.members, size.rules)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Run(); err != nil {
			t.Errorf("%d members with %d rules: %v", size.members, size.rules, err)
		}
	}
}

func BenchmarkOneIngress(b *testing.B) { benchmark(b, 1, 1) }

func BenchmarkGroupOfThousandRules(b *testing.B) { benchmark(b, 100, 10) }

func benchmark(b *testing.B, members, rules int) {
	c, err := New(members, rules)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Run(); err != nil {
			b.Fatal(err)
		}
	}
}
