package front

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// served are objects that serve, by kind and name, and the front end that reads them.
type served struct {
	f       Loader
	key     stack.Key
	objects map[string]metav1.Object
	account *[]func(*facts.Facts) // what changes of the account
}

// copied are copies of the objects, which an edit may change.
func (s served) copied() served {
	out := map[string]metav1.Object{}
	for name, o := range s.objects {
		if r, ok := o.(runtime.Object); ok {
			out[name], _ = r.DeepCopyObject().(metav1.Object)
		}
	}
	s.objects = out
	var account []func(*facts.Facts)
	if s.account != nil {
		account = slices.Clone(*s.account)
	}
	s.account = &account
	return s
}

func (s served) list() (out []metav1.Object) {
	for _, name := range slices.Sorted(maps.Keys(s.objects)) {
		out = append(out, s.objects[name])
	}
	return out
}

// compile compiles the objects with what the last pass remembered, as a checkpoint has it.
func (s served) compile(t interface{ Fatal(...any) }, before *compile.Memory) compiled {
	if before != nil {
		saved, err := json.Marshal(before)
		if before = (&compile.Memory{}); err != nil || json.Unmarshal(saved, before) != nil {
			t.Fatal(err, string(saved))
		}
	}
	var changes []func(*facts.Facts)
	if s.account != nil {
		changes = *s.account
	}
	c := answered(t, Recalling(s.f, before, nil), s.key, s.list(), before, changes...)
	s.show(c)
	return c
}

// show writes the statuses that a pass decides about, as the controller does.
func (s served) show(c compiled) {
	if c.Decisions == nil {
		return
	}
	found := slices.Concat(c.Findings, c.Diagnostics)
	for _, change := range c.Decisions.Statuses(gateway.Outcome{Found: found, Kept: c.Kept}) {
		if o := s.objects[fmt.Sprintf("%s/%s/%s", change.Kind, change.Namespace, change.Name)]; o != nil {
			change.Apply(o, metav1.Time{})
		}
	}
}

func (s served) text() (out string) {
	for _, o := range s.list() {
		out += asText(o) + "\n"
	}
	return out
}

// complaint is the first finding of a pass that is more than a note.
func (c compiled) complaint() string {
	for _, d := range slices.Concat(c.Findings, c.Diagnostics) {
		if d.Class != diag.Note {
			return fmt.Sprint(d.Code, " ", d.Object, " ", d.Path, ": ", d.Text)
		}
	}
	return ""
}

// lost reports whether a request gets no answer of the objects.
func lost(answer string) bool {
	return slices.Contains([]string{"", "404", "500", "503", "no listener", "no load balancer"}, answer)
}

// edit is a change of served objects. asks is set if a valid version of it may ask that something is no longer
// served, and may has the answers that a standard asks for where the edit is invalid.
type edit struct {
	name string
	asks bool
	typo bool // it changes no answer
	may  []string
	make func(s served)
}

// sceneObject is an object of served objects by its name.
func sceneObject[T metav1.Object](s served, name string) T {
	o, _ := s.objects[name].(T)
	return o
}

// asking are annotations that say what is served. All others only change how.
var asking = []string{
	"actions.", "conditions.", "listen-ports", "group.name", "use-regex-path-match", "certificate-arn",
	"aws-load-balancer-type", "aws-load-balancer-group-name", "ssl-redirect",
}

// annotationEdit sets or removes an annotation of an object.
func (t tenants) annotationEdit(on, kind, family string) edit {
	var rows []annotation.Entry
	for _, e := range annotation.Entries() {
		if strings.Contains(string(e.Scope), kind) || e.Scope == annotation.OnBoth && kind == "backend" {
			rows = append(rows, e)
		}
	}
	e := rapid.SampledFrom(rows).Draw(t.T, "annotation")
	key := string(e.Key)
	if strings.HasSuffix(key, ".") {
		key += t.pick("family", strings.Split(family, " ")...)
	}
	_, short, _ := strings.Cut(string(e.Key), "/")
	out := edit{name: on + " " + key, asks: slices.Contains(asking, short)}
	if rapid.IntRange(0, 9).Draw(t.T, "removed") == 0 {
		out.make = func(s served) {
			if o := s.objects[on]; o != nil {
				delete(o.GetAnnotations(), key)
			}
		}
		out.asks = true
		return out
	}
	value := t.pick("value", sloppy...)
	if fits := slices.Concat(e.Values, harmful[short], []string{e.Example}); rapid.Bool().Draw(t.T,
		"a value that fits") {
		value = t.pick("fitting value", fits...)
		if rapid.IntRange(0, 4).Draw(t.T, "twice") == 0 {
			value = twice(value)
		}
	}
	out.name += "=" + value
	out.make = func(s served) {
		if s.objects[on] == nil {
			return
		}
		all := s.objects[on].GetAnnotations()
		if all == nil {
			all = map[string]string{}
		}
		all[key] = value
		s.objects[on].SetAnnotations(all)
	}
	return out
}

// twice has each item of a list twice.
func twice(value string) string {
	if inner, list := strings.CutPrefix(value, "["); list && strings.HasSuffix(inner, "]") && inner != "]" {
		return "[" + strings.TrimSuffix(inner, "]") + "," + inner
	}
	return value + "," + value
}

// keepsAnswers makes edits of objects that serve, one or two of which only the first may ask for less, and fails
// if a request loses its answer.
func keepsAnswers(rt *rapid.T, s served, edits []edit, ask []traffic.Request) (kept bool) {
	old := s.compile(rt, nil)
	if old.Stack == nil || old.complaint() != "" {
		rt.Fatalf("the scene does not serve: %s\n%s", old.complaint(), s.text())
	}
	atOnce := len(edits) > 1 && rapid.Bool().Draw(rt, "at once")
	kept, wrong, now := s.edited(rt, old, edits, ask, atOnce)
	if wrong != "" {
		rt.Fatalf("%s; of\n%s", wrong, now.text())
	}
	return kept
}

// edited makes the edits of objects that served as old, one after the other or at once. wrong tells of the first
// request that loses its answer, and kept is set if an edit was invalid.
func (s served) edited(t interface{ Fatal(...any) }, old compiled, edits []edit, ask []traffic.Request, atOnce bool) (
	kept bool, wrong string, now served) {
	now, memory := s, old.Memory
	for n, e := range edits {
		now = now.copied()
		e.make(now)
		alone := s.copied()
		e.make(alone)
		fresh := alone.compile(t, nil)
		if fresh.complaint() == "" && e.asks || n > 0 && e.asks {
			return false, "", now
		}
		if atOnce && n < len(edits)-1 {
			continue
		}
		for pass := range 2 {
			c := now.compile(t, memory)
			if c.Declared && c.Stack == nil { // nothing is written, so that AWS keeps what it has
				continue
			}
			if r := loses(old, c, edits[:n+1], ask, fresh.complaint() != ""); r != "" {
				return kept, fmt.Sprintf("edit %d (%s), pass %d: %s; findings %v; fresh %q", n, e.name, pass, r, c.Diagnostics,
					fresh.complaint()), now
			}
			if c.Memory != nil {
				memory = c.Memory
			}
		}
		kept = kept || fresh.complaint() != ""
	}
	return kept, "", now
}

// loses tells of the first request that old answers and c does not, or that gets round a login by an invalid edit, or
// of which a typing error changes the answer.
func loses(old, c compiled, edits []edit, ask []traffic.Request, invalid bool) string {
	for _, r := range ask {
		was, is := old.answer(r), c.answer(r)
		if is == "no listener" && slices.Contains(c.Keep.Resources, stack.Ref{Kind: stack.KindListener,
			ID: fmt.Sprint(r.Port)}) {
			continue // AWS has it
		}
		if is == keptRule {
			continue
		}
		changed := was != is && !slices.ContainsFunc(edits, func(e edit) bool { return !e.typo })
		if changed || !lost(was) && lost(is) && !mayGet(edits, is) || strings.Contains(was, "authenticate") && !lost(is) &&
			!strings.Contains(is, "authenticate") && invalid {
			return fmt.Sprintf("%s %d %s%s gets %q, before %q", r.Method, r.Port, r.Host, r.Path, is, was)
		}
	}
	return ""
}

// mayGet reports whether a standard asks for an answer after one of the edits.
func mayGet(edits []edit, answer string) bool {
	return slices.ContainsFunc(edits, func(e edit) bool { return slices.Contains(e.may, answer) })
}

// editOfGroup draws an edit of a group of Ingresses or of what it refers to.
func (t tenants) editOfGroup(s served, all map[string]map[string]unfitRow) edit {
	switch rapid.IntRange(0, 10).Draw(t.T, "kind of edit") {
	case 8:
		return t.fieldEdit(s, all) // of class parameters
	case 9, 10:
		return t.typo(s, "Ingress/"+t.pick("Ingress", memberNames...))
	case 0:
		return t.backendEdit()
	case 1:
		return t.classEdit()
	case 2:
		return t.ingressEdit()
	case 3:
		return t.annotationEdit(t.pick("Service", "Service/web", "Service/api"), "backend",
			"web.http 80")
	case 4:
		return t.secretEdit()
	case 5:
		return t.accountEdit()
	default:
		return t.annotationEdit("Ingress/"+t.pick("Ingress", memberNames...), "Ingress",
			"HTTP-80 HTTPS-443 web api split move text")
	}
}

// TestEditsOfIngressesKeepAnswers draws a group that serves, and edits of a member or of what it refers to. No
// request that had an answer loses it, unless the edit is valid and asks for that.
func TestEditsOfIngressesKeepAnswers(t *testing.T) {
	t.Parallel()
	kept, all := 0, readUnfit(t)
	for kept == 0 && !t.Failed() { // of the few draws of the short form perhaps no edit is invalid
		rapid.Check(t, func(rt *rapid.T) {
			of := tenants{rt}
			s := of.servedIngresses()
			var edits []edit
			for range rapid.IntRange(1, 2).Draw(rt, "edits") {
				edits = append(edits, of.editOfGroup(s, all))
			}
			ask := requests(80, 443)
			for _, r := range requests(80, 443) {
				r.Method = "DELETE" // which a condition excludes
				ask = append(ask, r)
			}
			if keepsAnswers(rt, s, edits, ask) {
				kept++
			}
		})
	}
}

// editOfService draws an edit of a Service or of what it refers to.
func (t tenants) editOfService(s served) edit {
	switch rapid.IntRange(0, 5).Draw(t.T, "kind of edit") {
	case 0:
		return t.backendEdit()
	case 1:
		return t.serviceEdit()
	case 5:
		return t.typo(s, "Service/"+t.pick("Service", memberNames...))
	case 2:
		return t.accountEdit()
	default:
		return t.annotationEdit("Service/"+t.pick("Service", memberNames...), "Service",
			"TCP-80 TLS-80 UDP-81 80 81 TCP-90")
	}
}

// TestEditsOfServicesKeepAnswers does the same for Services of network load balancers: no port that is served is
// closed.
func TestEditsOfServicesKeepAnswers(t *testing.T) {
	t.Parallel()
	kept := 0
	for kept == 0 && !t.Failed() { // of the few draws of the short form perhaps no edit is invalid
		rapid.Check(t, func(rt *rapid.T) {
			of := tenants{rt}
			s := of.servedService()
			var edits []edit
			for range rapid.IntRange(1, 2).Draw(rt, "edits") {
				edits = append(edits, of.editOfService(s))
			}
			var ask []traffic.Request
			for _, port := range servicePorts {
				ask = append(ask, traffic.Request{Port: port})
			}
			if keepsAnswers(rt, s, edits, ask) {
				kept++
			}
		})
	}
}
