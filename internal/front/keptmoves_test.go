package front

import (
	"encoding/json"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// joined loads a group with the last valid versions of Ingresses that come from the stack of which from is the memory.
type joined struct {
	Ingress
	of           stack.Key
	before, from *compile.Memory
}

func (j joined) Load(v *objects.View, id stack.ID) Input {
	return Recalling(j.Ingress, j.before, nil).Load(v, id).Moving(stack.Key{Owner: stack.Ingress, ID: id}, j.before,
		func(o diag.Object, at []stack.Key) (intent.Member, bool) {
			return LastAt(o, at, func(k stack.Key) *compile.Memory {
				if k == j.of {
					return j.from
				}
				return nil
			})
		})
}

// guardsOf are the settings of a stack that decide who reaches it.
func guardsOf(c compiled) string {
	if c.Stack == nil {
		return ""
	}
	text, _ := json.Marshal([]any{c.Stack.SecurityGroups, c.Stack.LoadBalancers})
	return string(text)
}

// TestInvalidMoveServesNoMoreThanMoveBeforeMistake draws an Ingress that joins a group, and a mistake in it. If both are
// one edit, each request has the answer that it has if the mistake comes later, before, of a newcomer, or an error.
func TestInvalidMoveServesNoMoreThanMoveBeforeMistake(t *testing.T) {
	t.Parallel()
	const name = "Ingress/two"
	own := stack.Key{Owner: stack.Ingress}
	ask := requests(80, 443)
	rapid.Check(t, func(rt *rapid.T) {
		of := tenants{rt}
		s := of.servedIngresses()
		two := sceneObject[*networkingv1.Ingress](s, name)
		own := own
		own.ID = stack.ID{Namespace: two.Namespace, Name: two.Name}
		deployed(own, two)
		delete(two.Annotations, ofALB+"group.name")
		move := edit{name: "move", make: func(s served) {
			sceneObject[*networkingv1.Ingress](s, name).Annotations[ofALB+"group.name"] = "g"
		}}
		wrong := of.annotationEdit(name, "Ingress", "HTTP-80 HTTPS-443 web api split move text")
		switch rapid.IntRange(0, 3).Draw(rt, "kind of mistake") {
		case 0:
			wrong = of.typo(s, name)
		case 1:
			wrong = of.backendEdit()
		}
		before, alone := s.compile(rt, nil), served{key: own, f: s.f, objects: s.objects, account: s.account}
		moved, with := s.then(rt, before, move)
		_, late := moved.then(rt, with, wrong)

		once := s.copied()
		move.make(once)
		wrong.make(once)
		newcomer := once.compile(rt, before.Memory)
		once.f = joined{once.f.(Ingress), own, before.Memory, alone.compile(rt, nil).Memory}
		now := once.compile(rt, before.Memory)
		if now.Stack == nil {
			return
		}
		for _, r := range ask {
			is := now.answer(r)
			if is != late.answer(r) && is != before.answer(r) && is != newcomer.answer(r) && !lost(is) {
				rt.Fatalf("%s: %d %s%s gets %q, before %q, and %q if it moves first; findings %v; of\n%s", wrong.name, r.Port,
					r.Host, r.Path, is, before.answer(r), late.answer(r), now.Diagnostics, once.text())
			}
		}
		if c := guardsOf(now); c != guardsOf(late) && c != guardsOf(before) && c != guardsOf(newcomer) {
			rt.Fatalf("%s: clients\n%s, before\n%s, and if it moves first\n%s; findings %v", wrong.name, c, guardsOf(before),
				guardsOf(late), now.Diagnostics)
		}
	})
}
