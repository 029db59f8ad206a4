package registrar

import (
	"context"
	"slices"
	"testing"
)

func TestALimitOfTargetsIsSpreadOverZonesAndNodes(t *testing.T) {
	t.Parallel()
	// The id's first letter is the zone, the next one the node.
	all := func(ids ...string) (out []Endpoint) {
		for _, id := range ids {
			out = append(out, Endpoint{Target: Target{ID: id}, Node: id[:2]})
		}
		return out
	}
	zone := func(e Endpoint) string { return e.Node[:1] }
	for name, c := range map[string]struct {
		registered, register []Endpoint
		room                 int
		zone                 func(Endpoint) string
		want                 []string
	}{
		"over the zones": {nil, all("an1", "an2", "an3", "bn1", "cn1"), 3, zone,
			[]string{"an1", "bn1", "cn1"}},
		"in a zone over the nodes": {nil, all("an1", "an2", "an3", "ao1"), 2, zone, []string{"an1", "ao1"}},
		"counting those that are there": {all("an1", "an2", "bn1"), all("an3", "bn2", "bn3", "cn1"), 2, zone,
			[]string{"bn2", "cn1"}},
		"as long as a zone has some": {nil, all("an1", "an2", "an3", "bn1"), 3, zone,
			[]string{"an1", "an2", "bn1"}},
		"over the nodes if zones are not told": {nil, all("an1", "an2", "bn1"), 2, nil, []string{"an1", "bn1"}},
		"no room":                              {all("an1"), all("an2"), -1, zone, nil},
		"room for all":                         {nil, all("an1", "bn1"), 5, zone, []string{"an1", "bn1"}},
	} {
		chosen, omitted := cut(c.registered, c.register, c.room, c.zone)
		var got []string
		for _, e := range chosen {
			got = append(got, e.ID)
		}
		if !slices.Equal(got, c.want) || len(chosen)+len(omitted) != len(c.register) {
			t.Errorf("%s: %v of %d, want %v; left out %v", name, got, len(c.register), c.want, omitted)
		}
	}
}

func TestRegistrationUnderALimitLeavesNoZoneOutForItsAddresses(t *testing.T) {
	t.Parallel()
	b := &balancing{}
	r := newRegistry(b, b.write, func(string) bool { return true })
	all := []Endpoint{
		{Target: Target{ID: "10.0.0.1", Port: 80}, Node: "a"}, {Target: Target{ID: "10.0.0.2", Port: 80}, Node: "a"},
		{Target: Target{ID: "10.0.1.1", Port: 80}, Node: "b"},
	}
	q := Request{Group: tg, Want: EndpointsOf(all...), Max: 2, HomeZone: func(_ context.Context, e Endpoint) string {
		return e.Node
	}}
	c, err := r.Sync(t.Context(), q)
	if err != nil || !slices.Equal(c.Added, []string{"10.0.0.1:80", "10.0.1.1:80"}) ||
		!slices.Equal(c.Omitted, []string{"10.0.0.2:80"}) {
		t.Errorf("%+v, %v", c, err)
	}
	q.Max = 3
	if c, err = r.Sync(t.Context(), q); err != nil || !slices.Equal(c.Added, []string{"10.0.0.2:80"}) || c.LeftOut != 0 {
		t.Errorf("there is room again: %+v, %v", c, err)
	}
}
