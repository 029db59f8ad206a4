package compile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const authority = "arn:aws:acm-pca:us-west-2:111122223333:certificate-authority/1"

// importing gives a member an HTTPS listener with a certificate from a Secret.
func importing(names ...string) func(*intent.Member) {
	return func(m *intent.Member) {
		requesting("", names...)(m)
		m.Certificates[0].ID = naming.ImportedCertificateID(m.Object.Namespace, "tls")
		m.Certificates[0].Import = &stack.KeyPair{Hash: "h", Algorithm: "EC_prime256v1"}
		m.Listeners[len(m.Listeners)-1].Owned = []string{m.Certificates[0].ID}
	}
}

// naming443 gives a member an HTTPS listener with a certificate by its ARN.
func naming443(arn string) func(*intent.Member) {
	return func(m *intent.Member) {
		m.Listeners = append(m.Listeners, intent.Listener{Port: 443, Protocol: "HTTPS",
			Certificates: set(m, "certificate-arn", []string{arn})})
	}
}

// servingHosts has a member serve hosts by a condition each.
func servingHosts(values ...string) func(*intent.Member) {
	return func(m *intent.Member) {
		m.Routes = nil
		for _, v := range values {
			m.Routes = append(m.Routes, route(m.Object, v, "/*", m.Object.Name))
		}
	}
}

func aged(seconds int64) func(*intent.Member) {
	return func(m *intent.Member) { m.Created = seconds }
}

// TestCertificateForHostsOfOthersIsNotUsed has a member of a group bring a certificate that nobody has proved.
func TestCertificateForHostsOfOthersIsNotUsed(t *testing.T) {
	t.Parallel()
	const theirARN = "arn:aws:acm:us-west-2:111122223333:certificate/theirs"
	issued := func(names ...string) facts.OwnCertificate {
		return facts.OwnCertificate{ARN: ownARN, ID: naming.ImportedCertificateID("mal", "tls"), Status: "ISSUED",
			Names: names, Since: time.Unix(100, 0)}
	}
	for name, c := range map[string]struct {
		victim, attacker string // hosts
		namespace        string // of the attacker; empty = mal
		brings           func(*intent.Member)
		age              int64 // of the attacker; the victim has 10
		own              []facts.OwnCertificate
		refused, used    bool
	}{
		"a Secret for the host": {victim: "a.test", attacker: "b.test", brings: importing("a.test"),
			age: 20, refused: true},
		"a Secret for the host and its own": {victim: "a.test", attacker: "b.test",
			brings: importing("b.test", "a.test"), age: 20, refused: true},
		"a Secret, and it serves the host, too": {victim: "a.test", attacker: "a.test", brings: importing("a.test"),
			age: 20, refused: true},
		"capital letters": {victim: "A.test", attacker: "b.test", brings: importing("a.TEST"),
			age: 20, refused: true},
		"a wildcard": {victim: "a.x.test", attacker: "b.test", brings: importing("*.x.test"),
			age: 20, refused: true},
		"a name below the victim's wildcard": {victim: "*.x.test", attacker: "b.test", brings: importing("a.b.x.test"),
			age: 20, refused: true},
		"two wildcards": {victim: "*.x.test", attacker: "b.test", brings: importing("*.x.test"),
			age: 20, refused: true},
		"a private authority": {victim: "a.test", attacker: "b.test",
			brings: requesting(authority, "a.test"), age: 20, refused: true},
		"a certificate of another stack by its ARN": {victim: "a.test", attacker: "b.test", brings: naming443(theirARN),
			age: 20, refused: true},
		"a certificate that ACM issued": {victim: "a.example.com", attacker: "b.test",
			brings: requesting("", "a.example.com"), age: 20},
		"hosts of its own": {victim: "a.test", attacker: "b.test", brings: importing("b.test"),
			age: 20},
		"a wildcard has one label": {victim: "a.y.x.test", attacker: "b.test", brings: importing("*.x.test"),
			age: 20},
		"it came first": {victim: "a.test", attacker: "b.test", brings: importing("a.test"),
			age: 5},
		"it is of the same namespace": {victim: "a.test", attacker: "b.test", brings: importing("a.test"),
			namespace: "shop", age: 20},
		"the Secret served with the name": {victim: "a.test", attacker: "b.test", brings: importing("a.test"),
			age: 20, own: []facts.OwnCertificate{issued("a.test")}, used: true},
		"the Secret served with other names": {victim: "a.test", attacker: "b.test", brings: importing("a.test"),
			age: 20, own: []facts.OwnCertificate{issued("b.test")}, refused: true, used: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.namespace == "" {
				c.namespace = "mal"
			}
			lb := loadBalancer(ingress("shop", "victim", aged(10), servingHosts(c.victim), naming443(certificate1)),
				ingress(c.namespace, "evil", aged(c.age), servingHosts(c.attacker), c.brings))
			lb.Key = stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "g"}}
			f := owning(c.own...)
			f.Certificates = map[string]facts.Certificate{
				certificate1: {ARN: certificate1, Status: "ISSUED", Domains: []string{"a.test"}},
				theirARN:     {ARN: theirARN, Status: "ISSUED", Domains: []string{"a.test"}, Owned: true},
			}
			cfg := config()
			cfg.OwnCertificates = true
			r := Compile(lb, f, cfg, nil)
			s := mustBuild(t, r)
			told := slices.ContainsFunc(r.Diagnostics, func(d diag.Diagnostic) bool {
				return d.Code == diag.CertificateRefused && d.Object.Name == "evil"
			})
			if told != c.refused {
				t.Errorf("refused: %t, %v", told, r.Diagnostics)
			}
			if declared := len(s.Certificates) > 0; declared == c.refused {
				t.Errorf("certificates of the stack: %v", s.Certificates)
			}
			used := slices.ContainsFunc(s.Listeners, func(l stack.Listener) bool {
				text := fmt.Sprint(l.Certificates, l.SNI)
				return l.Port == 443 && (strings.Contains(text, ownARN) || strings.Contains(text, theirARN))
			})
			if used != c.used {
				t.Errorf("used: %t, %v", used, s.Listeners)
			}
		})
	}
}

// TestEditOfAnOldMemberTakesNoHost has a member that is older than the one that serves a host, and younger than the one
// that decides. It brings a certificate for the host by an edit.
func TestEditOfAnOldMemberTakesNoHost(t *testing.T) {
	t.Parallel()
	const theirARN = "arn:aws:acm:us-west-2:111122223333:certificate/theirs"
	old := func(c ...func(*intent.Member)) intent.Member {
		return ingress("mal", "evil", append([]func(*intent.Member){aged(5), servingHosts("b.test")}, c...)...)
	}
	victim := func(host string) intent.Member {
		return ingress("shop", "victim", aged(10), servingHosts(host), naming443(certificate1))
	}
	decider := ingress("first", "decider", aged(1), servingHosts("d.test"))
	list := func(m ...intent.Member) []intent.Member { return m }
	issued := func(names ...string) facts.OwnCertificate {
		return facts.OwnCertificate{ARN: ownARN, ID: naming.ImportedCertificateID("mal", "tls"), Status: "ISSUED",
			Names: names, Since: time.Unix(100, 0)}
	}
	for name, c := range map[string]struct {
		steps   [][]intent.Member // one compilation after the other, all but the first with the decider
		own     []facts.OwnCertificate
		names   [][]string // of the certificate of another stack, by step
		forgets bool       // the memory is of a former release
		refused []bool
	}{
		"a Secret for a host in service": {steps: [][]intent.Member{list(old(), victim("a.test")),
			list(old(importing("a.test")), victim("a.test")), list(old(importing("a.test")), victim("a.test"))},
			refused: []bool{false, true, true}},
		"a private authority": {steps: [][]intent.Member{list(old(), victim("a.test")),
			list(old(requesting(authority, "a.test")), victim("a.test"))}, refused: []bool{false, true}},
		"a certificate of another stack by its ARN": {steps: [][]intent.Member{list(old(), victim("a.test")),
			list(old(naming443(theirARN)), victim("a.test"))}, refused: []bool{false, true}},
		"one more name": {steps: [][]intent.Member{list(old(importing("b.test")), victim("a.test")),
			list(old(importing("b.test", "a.test")), victim("a.test"))}, refused: []bool{false, true}},
		"one more name of a Secret in service": {steps: [][]intent.Member{list(old(importing("b.test")), victim("a.test")),
			list(old(importing("b.test", "a.test")), victim("a.test"))}, own: []facts.OwnCertificate{issued("b.test")},
			refused: []bool{false, true}},
		"a certificate of ACM before": {steps: [][]intent.Member{list(old(requesting("", "a.test")), victim("a.test")),
			list(old(importing("a.test")), victim("a.test"))}, refused: []bool{false, true}},
		"the certificate was there first": {steps: [][]intent.Member{list(old(importing("a.test")), victim("c.test")),
			list(old(importing("a.test")), victim("a.test")), list(old(importing("a.test")), victim("a.test"))},
			refused: []bool{false, false, false}},
		"the ARN in a memory without names": {steps: [][]intent.Member{list(old(naming443(theirARN)), victim("c.test")),
			list(old(naming443(theirARN)), victim("a.test"))}, refused: []bool{false, false}, forgets: true},
		"the ARN has other names than before": {steps: [][]intent.Member{list(old(naming443(theirARN)), victim("c.test")),
			list(old(naming443(theirARN)), victim("c.test")), list(old(naming443(theirARN)), victim("c.test")),
			list(old(naming443(theirARN)), victim("c.test"))}, names: [][]string{{"b.test"}, {"b.test", "c.test"},
			{"b.test", "c.test"}, {"b.test"}}, refused: []bool{false, true, true, false}},
		"the ARN was there first": {steps: [][]intent.Member{list(old(naming443(theirARN)), victim("c.test")),
			list(old(naming443(theirARN)), victim("a.test"))}, refused: []bool{false, false}},
		"it is in service": {steps: [][]intent.Member{list(old(), victim("a.test")),
			list(old(importing("a.test")), victim("a.test"))}, own: []facts.OwnCertificate{issued("a.test")},
			refused: []bool{false, false}},
		"an older member's edit to the host of a certificate": {steps: [][]intent.Member{
			list(victim("c.test")), list(old(aged(20), importing("a.test")), victim("c.test")),
			list(old(aged(20), importing("a.test")), victim("a.test"))}, refused: []bool{false, false, false}},
		"other hosts": {steps: [][]intent.Member{list(old(), victim("a.test")),
			list(old(importing("e.test")), victim("a.test"))}, refused: []bool{false, false}},
		"its own host, which a newcomer names, too": {steps: [][]intent.Member{
			list(old(servingHosts("A.test")), victim("c.test")),
			list(old(servingHosts("a.test"), importing("a.test")), victim("a.test"))}, refused: []bool{false, false}},
		"its own host, within that of another": {steps: [][]intent.Member{
			list(old(servingHosts("a.x.test")), victim("*.x.test")),
			list(old(servingHosts("a.x.test"), importing("a.x.test")), victim("*.x.test"))}, refused: []bool{false, false}},
		"its own hosts, of which another has one": {steps: [][]intent.Member{
			list(old(servingHosts("*.x.test")), victim("a.x.test")),
			list(old(servingHosts("*.x.test"), importing("*.x.test")), victim("a.x.test"))}, refused: []bool{false, false}},
		"more than its own host": {steps: [][]intent.Member{
			list(old(servingHosts("a.x.test")), victim("b.x.test")),
			list(old(servingHosts("a.x.test"), importing("*.x.test")), victim("b.x.test"))}, refused: []bool{false, true}},
		"more than its own host, within that of another": {steps: [][]intent.Member{
			list(old(servingHosts("a.x.test")), victim("*.x.test")),
			list(old(servingHosts("a.x.test"), importing("*.x.test")), victim("*.x.test"))}, refused: []bool{false, true}},
		"one of two hosts of another": {steps: [][]intent.Member{
			list(old(servingHosts("a.x.test")), ingress("shop", "victim", aged(10), servingHosts("a.x.test", "*.x.test"))),
			list(old(servingHosts("a.x.test"), importing("*.x.test")), ingress("shop", "victim", aged(10),
				servingHosts("a.x.test", "*.x.test")))}, refused: []bool{false, true}},
		"all hosts": {steps: [][]intent.Member{list(old(func(m *intent.Member) { m.Routes[0].Conditions = nil }),
			victim("a.test")), list(old(importing("a.test")), victim("a.test"))}, refused: []bool{false, true}},
		"without memory": {steps: [][]intent.Member{list(old(importing("a.test")), victim("a.test"))},
			refused: []bool{false}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := owning(c.own...)
			f.Certificates = map[string]facts.Certificate{
				certificate1: {ARN: certificate1, Status: "ISSUED", Domains: []string{"a.test"}},
				theirARN:     {ARN: theirARN, Status: "ISSUED", Domains: []string{"a.test"}, Owned: true},
			}
			cfg := config()
			cfg.OwnCertificates = true
			var memory *Memory
			for n, members := range c.steps {
				if c.names != nil {
					f.Certificates[theirARN] = facts.Certificate{ARN: theirARN, Status: "ISSUED", Domains: c.names[n],
						Owned: true}
				}
				lb := loadBalancer(append([]intent.Member{decider}, members...)...)
				lb.Key = stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "g"}}
				r := Compile(lb, f, cfg, memory)
				s := mustBuild(t, r)
				told := slices.Contains(codes(r.Diagnostics), "evil CertificateRefused")
				if told != c.refused[n] {
					t.Errorf("step %d: refused: %t, %v", n, told, r.Diagnostics)
				}
				for _, own := range s.Certificates {
					if told && own.Import != nil && slices.Contains(own.Names, "a.test") {
						t.Errorf("step %d: certificates of the stack: %v", n, s.Certificates)
					}
				}
				memory = written(t, r.Memory)
				if c.forgets {
					maps.DeleteFunc(memory.Effect, func(k string, _ merge.Effect) bool {
						return strings.HasPrefix(k, "certificate-names/")
					})
				}
			}
		})
	}
}
