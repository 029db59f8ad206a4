package intent

import (
	"encoding/json"
	"testing"
	"unsafe"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func TestSourcesAreEqualIfTheirPlacesAre(t *testing.T) {
	t.Parallel()
	web := diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web"}
	for _, test := range []struct {
		a, b  Source
		equal bool
	}{
		{At(web, "spec.x"), At(web, "spec.x"), true},
		{At(diag.Object{}, ""), Source{}, true},
		{At(web, "spec.x"), At(web, "spec.y"), false},
		{At(web, "spec.x"), At(diag.Object{Kind: "Ingress", Namespace: "shop", Name: "api"}, "spec.x"), false},
		{At(web, ""), Source{}, false},
	} {
		if (test.a == test.b) != test.equal {
			t.Errorf("%+v == %+v: %t", test.a.place(), test.b.place(), !test.equal)
		}
	}
	if s := At(web, "spec.x"); s.Object() != web || s.Path() != "spec.x" || (Source{}).Object() != (diag.Object{}) ||
		(Source{}).Path() != "" {
		t.Errorf("%v %q", s.Object(), s.Path())
	}
}

// Checkpoints of former versions have this text.
func TestASourceIsItsObjectAndPathInCheckpoints(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		source Source
		text   string
	}{
		{At(diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web", UID: "u"}, "spec.x"),
			`{"Object":{"Kind":"Ingress","Namespace":"shop","Name":"web","UID":"u"},"Path":"spec.x"}`},
		{Source{}, `{"Object":{"Kind":"","Namespace":"","Name":"","UID":""},"Path":""}`},
	} {
		text, err := json.Marshal(test.source)
		if err != nil || string(text) != test.text {
			t.Errorf("%s, %v", text, err)
		}
		var back Source
		if err := json.Unmarshal(text, &back); err != nil || back != test.source {
			t.Errorf("%+v, %v", back.place(), err)
		}
	}
	text, err := json.Marshal(Field[bool]{})
	if err != nil || string(text) != `{"Value":false,"Set":false}` {
		t.Errorf("a setting that is not set is %s, %v", text, err)
	}
	var s Source
	if json.Unmarshal([]byte(`[]`), &s) == nil {
		t.Error("a list is a source")
	}
}

// The compiler remembers each member of each load balancer.
func TestAMemberTakesAKilobyteAndAHalf(t *testing.T) {
	t.Parallel()
	if n := unsafe.Sizeof(Member{}); n > 1536 {
		t.Errorf("%d bytes", n)
	}
	if n := unsafe.Sizeof(Listener{}); n > 544 {
		t.Errorf("a listener takes %d bytes", n)
	}
}
