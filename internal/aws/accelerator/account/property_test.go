package account_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/diff"
)

var planOptions = plan.TextOptions{}

// random is a valid accelerator of few ports and load balancers, so that edits collide.
func random(r *rand.Rand, previous accelerator.Declared) accelerator.Declared {
	d := declared(web)
	used := map[string]map[int32]bool{accelerator.TCP: {}, accelerator.UDP: {}}
	wanted := map[int32]bool{}
	for range r.IntN(5) {
		l := accelerator.Listener{Protocol: []string{accelerator.TCP, accelerator.UDP}[r.IntN(2)], Affinity: []string{
			"NONE", "SOURCE_IP"}[r.IntN(2)]}
		var ports []int32
		for range 1 + r.IntN(6) {
			if p := int32(80 + r.IntN(24)); !used[l.Protocol][p] {
				used[l.Protocol][p], wanted[p] = true, true
				ports = append(ports, p)
			}
		}
		if len(ports) == 0 {
			continue
		}
		l.Ports = accelerator.Join(ports)
		d.Listeners = append(d.Listeners, l)
	}
	overridden := map[int32]bool{}
	for i := range d.Listeners {
		l := &d.Listeners[i]
		for _, in := range []string{region, "eu-west-1"} {
			if r.IntN(3) == 0 {
				continue
			}
			g := accelerator.Group{Region: in, Dial: float32(r.IntN(3) * 50)}
			for _, p := range l.Ports {
				if to := int32(80 + r.IntN(24)); r.IntN(2) == 0 && !wanted[to] && !overridden[to] {
					g.Overrides = append(g.Overrides, accelerator.Override{ListenerPort: p.From, EndpointPort: to})
					overridden[to] = true
				}
			}
			if in == region {
				names := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"}
				r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
				for _, n := range names[:r.IntN(accelerator.MaxEndpoints+1)] {
					e := endpoint(n)
					if r.IntN(4) == 0 {
						e.Weight = int32(r.IntN(256))
					}
					g.Endpoints = append(g.Endpoints, e)
				}
			}
			l.Groups = append(l.Groups, g)
		}
	}
	if r.IntN(3) == 0 {
		d.IPAddressType, d.Name = previous.IPAddressType, "other"
	}
	d.IPAddressType = accelerator.IPV4
	if r.IntN(4) == 0 {
		d.Tags["team"] = []string{"blue", "red"}[r.IntN(2)]
	}
	return d
}

func TestEditsOfAcceleratorsReachDeclaredState(t *testing.T) {
	t.Parallel()
	for seed := range uint64(sample.Count(4, 12)) {
		w := newWorld(t)
		r := rand.New(rand.NewPCG(seed, 1))
		var d accelerator.Declared
		for edit := range 25 {
			d = random(r, d)
			_, after := w.reach(d)
			if t.Failed() {
				t.Fatalf("seed %d, edit %d", seed, edit)
			}
			if p := diff.Plan(d, after); !p.Empty() {
				t.Fatalf("seed %d, edit %d: after the plan there is one still:\n%s", seed, edit, p.Text(planOptions))
			}
			shuffled := d
			shuffled.Listeners = accelerator.CloneListeners(d.Listeners)
			for i := range shuffled.Listeners {
				slices.Reverse(shuffled.Listeners[i].Ports)
				slices.Reverse(shuffled.Listeners[i].Groups)
			}
			if p := diff.Plan(shuffled, after); !p.Empty() {
				t.Fatalf("seed %d, edit %d: the order of ports and groups makes a plan:\n%s", seed, edit, p.Text(planOptions))
			}
			if edit%5 > 0 {
				continue
			}
			w.restart()
			read, err := w.acc.Observe(t.Context(), web, "")
			if err != nil {
				t.Fatal(err)
			}
			after.Status, read.Status = "", ""
			if diff := cmp.Diff(after, read, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("seed %d, edit %d: what is believed and what AWS holds (-believed +held):\n%s", seed, edit, diff)
			}
		}
	}
}
