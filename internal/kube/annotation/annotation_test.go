package annotation

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

var web = diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web"}

// TestLineBreakEndsNoPairOfAMap has pairs on lines of their own, which AWS would refuse as one value. Line breaks after
// commas, and within a value that is no list of pairs, are no mistake.
func TestLineBreakEndsNoPairOfAMap(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a=1\nb=2": `a line break does not end the pair "a=1": a comma does`, "a=1,\nb=2": "", "a=1\n": "", "a=1\n2": "",
	} {
		_, err := decodeMap(&Entry{}, "k", in)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestMapsAreSplitAsUsersOfTheExistingControllerKnow(t *testing.T) {
	t.Parallel()
	type m = map[string]string
	for _, c := range []struct {
		in   string
		want m // nil = error
	}{
		{`key1=v1\,one, k2= v2, k3=`, m{"key1": "v1,one", "k2": "v2", "k3": ""}},
		{``, m{}},
		{`a=1,b,c=2`, nil},
		{`a=1,b`, nil},
		{` `, nil},
		{`,a=b`, nil},
		{`a=b,,c=d`, nil},
		{`,`, nil},
		{`=b`, nil},
		{`a=b=c`, m{"a": "b=c"}},
		{`a=1,a=2`, m{"a": "2"}},
		{`a=b\`, m{"a": `b\`}},
		{`a=b\\`, m{"a": `b\`}},
		{`a\=b=c`, m{"a": "b=c"}},
		{"a=1,\n b=2\n", m{"a": "1", "b": "2"}},
		// A comma at the end is dropped, where the existing controller makes it part of the value.
		{`a=b,`, m{"a": "b"}},
		{"a=b,\n", m{"a": "b"}},
		{`a=b\,`, m{"a": "b,"}},
	} {
		got, err := decodeMap(&Entry{}, "k", c.in)
		if (err != nil) != (c.want == nil) {
			t.Errorf("%q: error %v", c.in, err)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%q: %s", c.in, d)
		}
	}
}

func TestScalarsFollowTheirGrammar(t *testing.T) {
	t.Parallel()
	const b, i, s = "alb.ingress.kubernetes.io/use-regex-path-match",
		"alb.ingress.kubernetes.io/healthcheck-interval-seconds", "alb.ingress.kubernetes.io/scheme"
	for _, c := range []struct {
		key, value, problem string
	}{
		{b, "T", ""},
		{b, "True", ""},
		{b, " true",
			`alb.ingress.kubernetes.io/use-regex-path-match: " true" is neither true nor false`},
		{b, "yes",
			`alb.ingress.kubernetes.io/use-regex-path-match: "yes" is neither true nor false`},
		{i, "5", ""},
		{i, "+300", ""},
		{i, "4", `alb.ingress.kubernetes.io/healthcheck-interval-seconds: "4" is not a whole number from 5 to 300`},
		{i, "30s",
			`alb.ingress.kubernetes.io/healthcheck-interval-seconds: "30s" is not a whole number from 5 to 300`},
		{i, "3000000000",
			`alb.ingress.kubernetes.io/healthcheck-interval-seconds: "3000000000" is not a whole number from 5 to 300`},
		{s, "internal", ""},
		{s, "Internal", `alb.ingress.kubernetes.io/scheme: "Internal" is not a valid value`},
	} {
		f := &Findings{}
		r := NewReader(f, web, map[string]string{c.key: c.value})
		set := false
		switch c.key {
		case b:
			set = r.Bool(b).Set
		case i:
			set = r.Int32(i).Set
		case s:
			set = r.String(s).Set
		}
		if set != (c.problem == "") {
			t.Errorf("%s %q: set %v", c.key, c.value, set)
		}
		text := ""
		for _, d := range f.List() {
			text += d.Text
			if d.Path != "metadata.annotations["+c.key+"]" || d.Object != web || d.Remedy == "" ||
				d.Code != diag.InvalidAnnotation {
				t.Errorf("%s %q: %+v", c.key, c.value, d)
			}
		}
		if text != c.problem {
			t.Errorf("%s %q: %s, want %s", c.key, c.value, text, c.problem)
		}
	}
}

func TestListsDropBlanksAndEmptyItems(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"a, b ,,c,": {"a", "b", "c"},
		"":          {},
		" , ":       {},
		"a,a":       {"a", "a"},
	} {
		got, err := decodeList(&Entry{}, "k", in)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%q: %v %s", in, err, d)
		}
	}
}

func TestJSONNamesMatchWithoutRegardToCase(t *testing.T) {
	t.Parallel()
	type config struct {
		SourceIPConfig struct {
			Values []string `json:"values"`
		} `json:"sourceIPConfig"`
	}
	f := &Findings{}
	r := NewReader(f, web, map[string]string{
		"good": `{"sourceIpConfig": {"Values": ["10.0.0.0/8"]}, "other": 1}`,
		"bad":  `{"sourceIPConfig": {"values": "10.0.0.0/8"}}`,
		"end":  `{"sourceIPConfig": `,
	})
	if got := Unmarshal[config](r, "good"); !got.Set || len(got.Value.SourceIPConfig.Values) != 1 {
		t.Errorf("%+v", got)
	}
	if got := Unmarshal[config](r, "bad"); got.Set {
		t.Errorf("%+v", got)
	}
	Unmarshal[config](r, "end")
	want := []string{
		`bad: sourceIPConfig.values must not be a JSON string (at byte 42)`,
		`end: the value is not valid JSON (at byte 19)`,
	}
	var got []string
	for _, d := range f.List() {
		got = append(got, d.Text)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestTheServiceWinsOverTheIngressAsAWhole(t *testing.T) {
	t.Parallel()
	svc := diag.Object{Kind: "Service", Namespace: "shop", Name: "web"}
	f := &Findings{}
	r := NewReader(f, web, map[string]string{string(TargetGroupAttributes): "a=1,b=2", string(HealthCheckPath): "/i"}).
		Under(svc, map[string]string{string(TargetGroupAttributes): "a=3"})
	if d := cmp.Diff(intent.Of(map[string]string{"a": "3"}, intent.At(svc, TargetGroupAttributes.Path())),
		r.Map(TargetGroupAttributes)); d != "" {
		t.Error(d)
	}
	if got := r.String(HealthCheckPath); got.Value != "/i" || got.Source.Object() != web {
		t.Errorf("%+v", got)
	}
	r.Invalid(HealthCheckPort, "not there", "")
	if d := f.List()[0]; d.Object != web {
		t.Errorf("what is absent belongs to the object that was read first: %+v", d)
	}
}

func TestAFindingIsReportedOnce(t *testing.T) {
	t.Parallel()
	f := &Findings{}
	r := NewReader(f, web, map[string]string{string(RegexPathMatch): "x"})
	r.Bool(RegexPathMatch)
	r.Bool(RegexPathMatch)
	r.Ignored(Scheme, "absent", "")
	if n := len(f.List()); n != 1 {
		t.Errorf("%d findings", n)
	}
}

func TestMisspeltKeysGetAdvice(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"alb.ingress.kubernetes.io/shceme":                                             "alb.ingress.kubernetes.io/scheme",
		"alb.ingress.kubernetes.io/Scheme":                                             "alb.ingress.kubernetes.io/scheme",
		"alb.ingress.kubernetes.io/subnet":                                             "alb.ingress.kubernetes.io/subnets",
		"alb.ingress.kubernetes.io/action.a.b":                                         "alb.ingress.kubernetes.io/actions.a.b",
		"alb.ingress.kubernetes.io/group-name":                                         "alb.ingress.kubernetes.io/group.name",
		"alb.ingress.kubernetes.io/target-contol-port.web.80":                          "alb.ingress.kubernetes.io/target-control-port.web.80",
		"alb.ingress.kubernetes.io/actionsweb":                                         "",
		"alb.ingress.kubernetes.io/action.sweb":                                        "alb.ingress.kubernetes.io/actions.sweb",
		"alb.ingress.kubernetes.io/x":                                                  "",
		"alb.ingress.kubernetes.io/actions-" + strings.Repeat("x", 60):                 "",
		"service.beta.kubernetes.io/aws-load-balancer-sceme":                           "service.beta.kubernetes.io/aws-load-balancer-scheme",
		"service.beta.kubernetes.io/aws-load-balancer-healthcheck-intervall":           "service.beta.kubernetes.io/aws-load-balancer-healthcheck-interval",
		"service.beta.kubernetes.io/aws-load-balancer-completely-different-from-these": "",
	} {
		if got := Nearest(Key(in)); string(got) != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestAKeyBelongsToItsLongestFamily(t *testing.T) {
	t.Parallel()
	for in, want := range map[Key]Key{
		"alb.ingress.kubernetes.io/actions.a.b":                                          Actions,
		"alb.ingress.kubernetes.io/target-control-port.web.80":                           TargetControlPort,
		"alb.ingress.kubernetes.io/group.name":                                           GroupName,
		"service.beta.kubernetes.io/aws-load-balancer-target-group-attributes":           ServiceTGAttributes,
		"service.beta.kubernetes.io/aws-load-balancer-target-group-attributes.80":        ServicePortTGAttributes,
		"service.beta.kubernetes.io/aws-load-balancer-listener-attributes.TCP-80":        ServiceListenerAttributes,
		"alb.ingress.kubernetes.io/actions.":                                             "",
		"alb.ingress.kubernetes.io/nothing":                                              "",
		"external-dns.alpha.kubernetes.io/hostname":                                      "",
		"service.beta.kubernetes.io/aws-load-balancer-connection-draining-enabled.extra": "",
	} {
		if e, _ := Lookup(in); e.Key != want {
			t.Errorf("%s: %s, want %s", in, e.Key, want)
		}
	}
}

func TestAnnotationsOfGatewaysAndRoutesThatHaveNoEffectAreNoted(t *testing.T) {
	t.Parallel()
	gw := diag.Object{Kind: "Gateway", Namespace: "shop", Name: "web"}
	for _, c := range []struct {
		on   Scope
		key  string
		want string
	}{
		{OnGateway, "gateway.k8s.aws/rule-construction", ""},
		{OnGateway, "gateway.k8s.aws/rule-constructon", "annotation gateway.k8s.aws/rule-constructon is unknown and has no " +
			"effect; did you mean gateway.k8s.aws/rule-construction?"},
		{OnGateway, "alb.ingress.kubernetes.io/scheme", "annotation alb.ingress.kubernetes.io/scheme has no effect on this " +
			"object: the controller reads it only on Ingress; remove it; for a Gateway, use a field"},
		{OnGateway, "service.beta.kubernetes.io/aws-load-balancer-scheme", "reads it only on Service"},
		{OnGateway, "gateway.k8s.aws.addon.wafv2", ""},
		{OnGateway, "example.com/a", ""},
		{OnRoute, "gateway.k8s.aws/dry-run", "annotation gateway.k8s.aws/dry-run has no effect on this object: the " +
			"controller reads it only on Gateway"},
		{OnRoute, "external-dns.alpha.kubernetes.io/ttl", ""},
	} {
		f := &Findings{}
		Check(f, gw, c.on, map[string]string{c.key: "x"})
		got := ""
		for _, d := range f.List() {
			got = d.Text + "; " + d.Remedy
		}
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s on %s: %q, want %q", c.key, c.on, got, c.want)
		}
	}
}

func TestTheTableIsSound(t *testing.T) {
	t.Parallel()
	seen := map[Key]bool{}
	for _, e := range Entries() {
		if seen[e.Key] {
			t.Errorf("%s is listed twice", e.Key)
		}
		seen[e.Key] = true
		if e.Example == "" || e.Syntax == "" || e.Scope == "" || e.Affects == "" {
			t.Errorf("%s lacks a doc, example, syntax, scope, or what a mistake costs", e.Key)
		}
		if strings.HasSuffix(string(e.Key), ".") != (e.Family != "") {
			t.Errorf("%s: a family's key ends in a dot, and only a family's", e.Key)
		}
		f := &Findings{}
		k := e.Key
		if e.Family != "" {
			k = k.For("x")
		}
		r := NewReader(f, web, map[string]string{string(k): e.Example})
		switch e.Syntax {
		case String:
			r.String(k)
		case Bool:
			r.Bool(k)
		case Int32:
			r.Int32(k)
		case Int64:
			r.Int64(k)
		case List:
			r.List(k)
		case Map:
			r.Map(k)
		case JSON:
			Unmarshal[any](r, k)
		}
		if f.List() != nil {
			t.Errorf("%s: the example is not valid: %v", e.Key, f.List())
		}
	}
}

func TestMatchersAndHealthCheckPaths(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"200": true, "200,301": true, "200-299, 301": true, "499": true,
		"": false, "500": false, "199": false, "299-200": false, "2xx": false, "200-": false, "200,,": false,
	} {
		if got := ValidCodes(in, 200, 499); got != want {
			t.Errorf("%q: %v", in, got)
		}
	}
	for in, want := range map[string]bool{"/": true, "": false, "x": false, "/" + strings.Repeat("x", 1024): false} {
		if got := ValidHealthCheckPath(in); got != want {
			t.Errorf("%q: %v", in, got)
		}
	}
}

func FuzzMapsNeverPanicAndKeepEscapedItems(f *testing.F) {
	for _, s := range []string{`key1=v1\,one, k2= v2, k3=`, `a=b,`, `a=1,b,c=2`, `\`, `=`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, err := decodeMap(&Entry{}, "k", in)
		if err != nil {
			return
		}
		// What was read can be written, escaped, and read again.
		escape := strings.NewReplacer(`\`, `\\`, `,`, `\,`, `=`, `\=`)
		var written []string
		for k, v := range got {
			if strings.Contains(k, "=") {
				return // cannot come from anything but the first "=" of an item; nothing to escape it
			}
			written = append(written, strings.ReplaceAll(strings.ReplaceAll(k, `\`, `\\`), ",", `\,`)+"="+escape.Replace(v))
		}
		again, err := decodeMap(&Entry{}, "k", strings.Join(written, ","))
		if err != nil {
			t.Fatalf("%q: written as %q: %v", in, written, err)
		}
		if d := cmp.Diff(got, again); d != "" {
			t.Errorf("%q: %s", in, d)
		}
	})
}

func FuzzListsAndAdviceNeverPanic(f *testing.F) {
	f.Add("a,b", "alb.ingress.kubernetes.io/actions.x")
	f.Add("", strings.Repeat("x", 4000)) // which is compared with nothing
	f.Fuzz(func(t *testing.T, value, key string) {
		items, err := decodeList(&Entry{}, "k", value)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range items {
			if i == "" || strings.TrimSpace(i) != i {
				t.Errorf("%q in %q", i, value)
			}
		}
		findings := &Findings{}
		for _, on := range []Scope{OnIngress, OnBoth, OnService} {
			Check(findings, web, on, map[string]string{key: value, IngressPrefix + key: value, serviceLoadBalancerPrefix +
				key: value})
		}
	})
}

func TestFormerNamesAreAdvised(t *testing.T) {
	t.Parallel()
	f := &Findings{}
	Check(f, diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web"}, OnIngress, map[string]string{
		"alb.ingress.kubernetes.io/attributes": "idle_timeout.timeout_seconds=60"})
	if found := f.List(); len(found) != 1 || !strings.Contains(found[0].Text+found[0].Remedy,
		"did you mean alb.ingress.kubernetes.io/load-balancer-attributes?") {
		t.Errorf("%v", found)
	}
}
