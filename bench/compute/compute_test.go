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
		if c, err = NewGateway(size.members, size.rules); err != nil {
			t.Fatal(err)
		}
		if err := c.Run(); err != nil {
			t.Errorf("a Gateway with %d routes with %d rules: %v", size.members, size.rules, err)
		}
		if got := len(c.observed.Rules); got != size.members*size.rules {
			t.Errorf("a Gateway with %d routes with %d rules has %d", size.members, size.rules, got)
		}
	}
}

func BenchmarkOneIngress(b *testing.B) { benchmark(b, New, 1, 1) }

func BenchmarkGroupOfThousandRules(b *testing.B) { benchmark(b, New, 100, 10) }

func BenchmarkOneGateway(b *testing.B) { benchmark(b, NewGateway, 1, 1) }

func BenchmarkGatewayOfThousandRules(b *testing.B) { benchmark(b, NewGateway, 100, 10) }

func benchmark(b *testing.B, of func(members, rules int) (Case, error), members, rules int) {
	c, err := of(members, rules)
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
