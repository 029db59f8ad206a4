package intent

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func TestDecidersOf(t *testing.T) {
	t.Parallel()
	object := func(name string) diag.Object {
		ns, name, _ := strings.Cut(name, "/")
		return diag.Object{Kind: "Ingress", Namespace: ns, Name: name}
	}
	party := func(name string, created int64, change ...func(*Party)) Party {
		p := Party{Object: object(name), Created: created}
		for _, c := range change {
			c(&p)
		}
		return p
	}
	as := func(a Authority) func(*Party) { return func(p *Party) { p.Authority = a } }
	deployed := func(p *Party) { p.Deployed = true }
	for name, c := range map[string]struct {
		parties []Party
		joined  []string
		want    string // namespaces
	}{
		"nobody":                        {},
		"one object":                    {parties: []Party{party("shop/web", 5)}, want: "shop"},
		"the oldest":                    {parties: []Party{party("zz/new", 9), party("shop/web", 5)}, want: "shop"},
		"of one age, the first by name": {parties: []Party{party("zz/new", 5), party("shop/web", 5)}, want: "shop"},
		"one that is not created is the youngest": {parties: []Party{party("aa/new", 0), party("shop/web", 5)}, want: "shop"},
		"the one that joined first": {parties: []Party{party("aa/old", 1), party("shop/web", 5)},
			joined: []string{"shop/web", "aa/old"}, want: "shop"},
		"the one that has joined": {parties: []Party{party("aa/old", 1), party("shop/web", 5)},
			joined: []string{"gone/one", "shop/web"}, want: "shop"},
		"the one that is deployed": {parties: []Party{party("aa/old", 1), party("shop/web", 5, deployed)},
			want: "shop"},
		"memory before the finalizer": {parties: []Party{party("aa/old", 1, deployed), party("shop/web", 5)},
			joined: []string{"shop/web"}, want: "shop"},
		"next after the oldest has gone": {parties: []Party{party("team/b", 6), party("zz/c", 7)}, joined: []string{
			"shop/web", "team/b", "zz/c"}, want: "team"},
		"class parameters": {parties: []Party{party("shop/web", 5, as(RoutesOnly)),
			party("infra/a", 9, as(Deciding)), party("core/b", 8, as(Deciding))}, want: "core infra"},
		"class parameters that name no member": {parties: []Party{party("shop/web", 5, as(RoutesOnly))}},
	} {
		var joined []diag.Object
		for _, n := range c.joined {
			joined = append(joined, object(n))
		}
		d := DecidersOf(c.parties, joined)
		if got := strings.Join(d.Namespaces, " "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if d.Decides("other") || c.want != "" && !d.Decides(d.Namespaces[0]) {
			t.Errorf("%s: %+v", name, d)
		}
		for i, j := 0, len(c.parties)-1; i < j; i, j = i+1, j-1 { // the order of the input is irrelevant
			c.parties[i], c.parties[j] = c.parties[j], c.parties[i]
		}
		if again := strings.Join(DecidersOf(c.parties, joined).Namespaces, " "); again != c.want {
			t.Errorf("%s, the other way round: %q", name, again)
		}
	}
}

func TestDecidersExplain(t *testing.T) {
	t.Parallel()
	web := diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web"}
	byAge := DecidersOf([]Party{{Object: web}}, nil)
	byClass := DecidersOf([]Party{{Object: web, Authority: RoutesOnly}}, nil)
	for _, c := range []struct {
		got, want string
	}{
		{byAge.Why(web), "only Ingresses of namespace shop set what the members of the group share, because Ingress " +
			"shop/web is the oldest member"},
		{byAge.Remedy(), "remove it, use a group of your own, or have it set in namespace shop"},
		{byClass.Why(web), "the class parameters let only other namespaces set what the group shares"},
		{byClass.Remedy(), "remove it, use a group of your own, or have it set in a namespace that " +
			"spec.group.settingsNamespaces of the class parameters names"},
	} {
		if c.got != c.want {
			t.Errorf("%s\nwant %s", c.got, c.want)
		}
	}
}
