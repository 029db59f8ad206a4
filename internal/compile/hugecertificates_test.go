package compile

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// importingEach gives a member so many certificates, each from a Secret and for a host, on so many ports.
func importingEach(n int, ports int32) func(*intent.Member) {
	return func(m *intent.Member) {
		var ids []string
		for i := range n {
			id := naming.ImportedCertificateID(m.Object.Namespace, fmt.Sprint("tls", i))
			m.Certificates = append(m.Certificates, intent.Certificate{ID: id, Names: []string{fmt.Sprintf("%s%d.test",
				m.Object.Name, i)}, Import: &stack.KeyPair{Hash: "h", Algorithm: "EC_prime256v1"},
				Source: intent.At(m.Object, fmt.Sprintf("spec.tls[%d].secretName", i))})
			ids = append(ids, id)
		}
		for p := range ports {
			m.Listeners = append(m.Listeners, intent.Listener{Port: 443 + p, Protocol: "HTTPS", Owned: ids})
		}
	}
}

// ofGroup is a group of Ingresses that namespaces share.
func ofGroup(members ...intent.Member) intent.LoadBalancer {
	lb := loadBalancer(members...)
	lb.Key = stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "g"}}
	return lb
}

// withCertificates is an account with room for certificates, in which some of the Secrets have been imported.
func withCertificates(room, imported int, of intent.Member) facts.Facts {
	f := ample(10_000)
	f.OwnKnown, f.Certificates, f.Listed = true, map[string]facts.Certificate{}, map[string]facts.Certificate{}
	f.Limits["certificates-per-application-load-balancer"] = room
	for i, c := range of.Certificates[:imported] {
		f.Own = append(f.Own, facts.OwnCertificate{ARN: fmt.Sprintf("%s%d", ownARN, i), ID: c.ID, Status: "ISSUED",
			Names: c.Names, Since: time.Unix(100, 0)})
	}
	return f
}

// TestExpressionsOfHostsTakeLittle has a tenant serve hosts by regular expressions whose programs are a thousand times
// as long as their texts, beside a certificate whose names are compared with all hosts of the group.
func TestExpressionsOfHostsTakeLittle(t *testing.T) { // it counts what others would allocate, so it is not parallel
	var expressions []string
	for i := range 60 {
		expressions = append(expressions, fmt.Sprintf("^(%s%d){1000}$", strings.Repeat("a", 100), i))
	}
	lb := ofGroup(ingress("shop", "web", aged(1)), ingress("mal", "evil", aged(10), servingHosts(expressions...)),
		ingress("other", "tls", aged(20), importing("b.test")))
	pass := func() { Compile(lb, withCertificates(25, 0, lb.Members[2]), owningConfig(), nil) }
	if got := growth.Bytes(pass) / (1 << 20); got > 8 {
		t.Errorf("a pass allocates %.0f MiB", got)
	}
}

func owningConfig() Config {
	cfg := config()
	cfg.OwnCertificates = true
	return cfg
}

// TestCertificatesBeyondTheRoomAreNotMade has members declare more certificates than a load balancer can have: what
// they would take of the account's quotas serves nobody.
func TestCertificatesBeyondTheRoomAreNotMade(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		room, imported int
		others         int // certificates of a younger member of another namespace
		made           int
		refused        []string
	}{
		"as many as there is room for": {room: 60, made: 60},
		"more":                         {room: 25, made: 26, refused: []string{"evil QuotaExceeded"}},
		"what ACM has stays":           {room: 25, imported: 40, made: 40, refused: []string{"evil QuotaExceeded"}},
		"each namespace has some":      {room: 25, others: 3, made: 26, refused: []string{"evil QuotaExceeded"}},
		"each has the same": {room: 25, others: 60, made: 26, refused: []string{"evil QuotaExceeded",
			"web QuotaExceeded"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mal := ingress("mal", "evil", aged(10), importingEach(60, 1))
			members := []intent.Member{mal}
			if c.others > 0 {
				members = append(members, ingress("shop", "web", aged(20), importingEach(c.others, 1)))
			}
			r := Compile(ofGroup(members...), withCertificates(c.room, c.imported, mal), owningConfig(), nil)
			s := mustBuild(t, r)
			made := map[string]int{}
			for _, cert := range s.Certificates {
				made[strings.Split(cert.ID, "/")[1]]++
			}
			if len(s.Certificates) != c.made || c.others > 0 && made["shop"] != min(c.others, 13) {
				t.Errorf("certificates %v, want %d", made, c.made)
			}
			found := slices.DeleteFunc(codes(r.Diagnostics), func(code string) bool {
				return !strings.HasSuffix(code, "QuotaExceeded")
			})
			slices.Sort(found)
			if got := slices.Compact(found); !slices.Equal(got, c.refused) {
				t.Errorf("findings %v, want %v", got, c.refused)
			}
			for _, code := range c.refused {
				if text := fmt.Sprint(r.Diagnostics); !strings.Contains(text, "does not request or import") {
					t.Errorf("%s: %.2000s", code, text)
				}
			}
		})
	}
}

// TestUnknownRoomRefusesNoCertificate has an account whose limits cannot be read: AWS decides.
func TestUnknownRoomRefusesNoCertificate(t *testing.T) {
	t.Parallel()
	mal := ingress("mal", "evil", importingEach(60, 1))
	f := withCertificates(25, 0, mal)
	f.Limits, f.Errors = nil, map[facts.Need]error{{Kind: facts.NeedLimits}: fmt.Errorf("no answer")}
	if s := mustBuild(t, Compile(ofGroup(mal), f, owningConfig(), nil)); len(s.Certificates) != 60 {
		t.Errorf("%d certificates", len(s.Certificates))
	}
}
