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

// servingHosts has a member serve hosts by a condition each. Values that begin with ^ are regular expressions.
func servingHosts(values ...string) func(*intent.Member) {
	return func(m *intent.Member) {
		m.Routes = nil
		for _, v := range values {
			r := route(m.Object, v, "/*", m.Object.Name)
			if strings.HasPrefix(v, "^") {
				r.Conditions[0].Values, r.Conditions[0].Regex = nil, []string{v}
			}
			m.Routes = append(m.Routes, r)
		}
	}
}

func aged(seconds int64) func(*intent.Member) {
	return func(m *intent.Member) { m.Created = seconds }
}

// TestCertificateForHostsOfOthersIsNotUsed has a member of a group bring a certificate that nobody has proved.
func TestCertificateForHostsOfOthersIsNotUsed(t *testing.T) {
	t.Parallel()
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
		"a wildcard for the host of an expression": {victim: `^a\.x\.test$`, attacker: "b.test",
			brings: importing("*.x.test"), age: 20, refused: true},
		"a wildcard for hosts of an expression": {victim: `^[a-z]+\.x\.test$`, attacker: "b.test",
			brings: importing("*.x.test"), age: 20, refused: true},
		"a wildcard for hosts of an expression without an end": {victim: `^[a-z]+\.x\.`, attacker: "b.test",
			brings: importing("*.x.test"), age: 20, refused: true},
		"a name of an expression": {victim: `^[a-z]+\.x\.test$`, attacker: "b.test", brings: importing("a.x.test"),
			age: 20, refused: true},
		"a name that an expression of many steps may match": {victim: `^[a-z]{0,900}\.x\.test$`, attacker: "b.test",
			brings: importing("a.x.test"), age: 20, refused: true},
		"a wildcard beside the host of an expression": {victim: `^a\.y\.test$`, attacker: "b.test",
			brings: importing("*.x.test"), age: 20},
		"a wildcard above the host of an expression": {victim: `^a\.b\.x\.test(:[0-9]+)?$`, attacker: "b.test",
			brings: importing("*.x.test"), age: 20},
		"a name beside an expression": {victim: `^[a-z]+\.x\.test$`, attacker: "b.test", brings: importing("a.y.test"),
			age: 20},
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

// edit is one compilation: what the member evil is then, which hosts the other member serves, and whether evil's
// certificate is refused.
type edit struct {
	evil    []intent.Member
	victim  []string
	refused bool
}

func accepts(victim string, evil ...intent.Member) edit {
	return edit{evil, strings.Fields(victim), false}
}

func refuses(victim string, evil ...intent.Member) edit {
	return edit{evil, strings.Fields(victim), true}
}

// editing is a group of a decider, a victim and a member evil that is edited.
type editing struct {
	edits   []edit
	own     []facts.OwnCertificate
	names   [][]string // of the certificate of another stack, by edit
	forgets bool       // the memory is of a former release
}

// theirARN is a certificate of another stack.
const theirARN = "arn:aws:acm:us-west-2:111122223333:certificate/theirs"

// TestEditOfAnOldMemberTakesNoHost has a member that is older than the one that serves a host, and younger than the one
// that decides. It brings a certificate for the host by an edit.
func TestEditOfAnOldMemberTakesNoHost(t *testing.T) {
	t.Parallel()
	old := func(c ...func(*intent.Member)) intent.Member {
		return ingress("mal", "evil", append([]func(*intent.Member){aged(5), servingHosts("b.test")}, c...)...)
	}
	issued := func(names ...string) []facts.OwnCertificate {
		return []facts.OwnCertificate{{ARN: ownARN, ID: naming.ImportedCertificateID("mal", "tls"), Status: "ISSUED",
			Names: names, Since: time.Unix(100, 0)}}
	}
	for name, c := range map[string]editing{
		"a Secret for a host in service": {edits: []edit{accepts("a.test", old()),
			refuses("a.test", old(importing("a.test"))), refuses("a.test", old(importing("a.test")))}},
		"a private authority": {edits: []edit{accepts("a.test", old()),
			refuses("a.test", old(requesting(authority, "a.test")))}},
		"a certificate of another stack by its ARN": {edits: []edit{accepts("a.test", old()),
			refuses("a.test", old(naming443(theirARN)))}},
		"one more name": {edits: []edit{accepts("a.test", old(importing("b.test"))),
			refuses("a.test", old(importing("b.test", "a.test")))}},
		"one more name of a Secret in service": {edits: []edit{accepts("a.test", old(importing("b.test"))),
			refuses("a.test", old(importing("b.test", "a.test")))}, own: issued("b.test")},
		"a certificate of ACM before": {edits: []edit{accepts("a.test", old(requesting("", "a.test"))),
			refuses("a.test", old(importing("a.test")))}},
		"the certificate was there first": {edits: []edit{accepts("c.test", old(importing("a.test"))),
			accepts("a.test", old(importing("a.test"))), accepts("a.test", old(importing("a.test")))}},
		"the ARN in a memory without names": {edits: []edit{accepts("c.test", old(naming443(theirARN))),
			accepts("a.test", old(naming443(theirARN)))}, forgets: true},
		"the ARN has other names than before": {edits: []edit{accepts("c.test", old(naming443(theirARN))),
			refuses("c.test", old(naming443(theirARN))), refuses("c.test", old(naming443(theirARN))),
			accepts("c.test", old(naming443(theirARN)))},
			names: [][]string{{"b.test"}, {"b.test", "c.test"}, {"b.test", "c.test"}, {"b.test"}}},
		"the ARN was there first": {edits: []edit{accepts("c.test", old(naming443(theirARN))),
			accepts("a.test", old(naming443(theirARN)))}},
		"it is in service": {edits: []edit{accepts("a.test", old()),
			accepts("a.test", old(importing("a.test")))}, own: issued("a.test")},
		"an older member's edit to the host of a certificate": {edits: []edit{accepts("c.test"),
			accepts("c.test", old(aged(20), importing("a.test"))),
			accepts("a.test", old(aged(20), importing("a.test")))}},
		"other hosts": {edits: []edit{accepts("a.test", old()), accepts("a.test", old(importing("e.test")))}},
		"its own host, which a newcomer names, too": {edits: []edit{accepts("c.test", old(servingHosts("A.test"))),
			accepts("a.test", old(servingHosts("a.test"), importing("a.test")))}},
		"its own host, within that of another": {edits: []edit{accepts("*.x.test", old(servingHosts("a.x.test"))),
			accepts("*.x.test", old(servingHosts("a.x.test"), importing("a.x.test")))}},
		"its own hosts, of which another has one": {edits: []edit{accepts("a.x.test", old(servingHosts("*.x.test"))),
			accepts("a.x.test", old(servingHosts("*.x.test"), importing("*.x.test")))}},
		"more than its own host": {edits: []edit{accepts("b.x.test", old(servingHosts("a.x.test"))),
			refuses("b.x.test", old(servingHosts("a.x.test"), importing("*.x.test")))}},
		"more than its own host, within that of another": {edits: []edit{
			accepts("*.x.test", old(servingHosts("a.x.test"))),
			refuses("*.x.test", old(servingHosts("a.x.test"), importing("*.x.test")))}},
		"one of two hosts of another": {edits: []edit{accepts("a.x.test *.x.test", old(servingHosts("a.x.test"))),
			refuses("a.x.test *.x.test", old(servingHosts("a.x.test"), importing("*.x.test")))}},
		"hosts of an expression": {edits: []edit{accepts("a.test", old(servingHosts(`^.*\.test$`))),
			accepts("a.test", old(servingHosts(`^.*\.test$`), importing("a.test")))}},
		"hosts of an expression of many steps": {edits: []edit{accepts("a.test", old(servingHosts(`^.{0,900}\.test$`))),
			refuses("a.test", old(servingHosts(`^.{0,900}\.test$`), importing("a.test")))}},
		"all hosts": {edits: []edit{accepts("a.test", old(func(m *intent.Member) { m.Routes[0].Conditions = nil })),
			refuses("a.test", old(importing("a.test")))}},
		"without memory": {edits: []edit{accepts("a.test", old(importing("a.test")))}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.compile(t)
		})
	}
}

func (c editing) compile(t *testing.T) {
	t.Helper()
	f := owning(c.own...)
	f.Certificates = map[string]facts.Certificate{
		certificate1: {ARN: certificate1, Status: "ISSUED", Domains: []string{"a.test"}},
		theirARN:     {ARN: theirARN, Status: "ISSUED", Domains: []string{"a.test"}, Owned: true},
	}
	cfg := config()
	cfg.OwnCertificates = true
	var memory *Memory
	for n, e := range c.edits {
		if c.names != nil {
			f.Certificates[theirARN] = facts.Certificate{ARN: theirARN, Status: "ISSUED",
				Domains: c.names[n], Owned: true}
		}
		members := append([]intent.Member{ingress("first", "decider", aged(1), servingHosts("d.test"))}, e.evil...)
		lb := loadBalancer(append(members,
			ingress("shop", "victim", aged(10), servingHosts(e.victim...), naming443(certificate1)))...)
		lb.Key = stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "g"}}
		r := Compile(lb, f, cfg, memory)
		s := mustBuild(t, r)
		told := slices.Contains(codes(r.Diagnostics), "evil CertificateRefused")
		if told != e.refused {
			t.Errorf("edit %d: refused: %t, %v", n, told, r.Diagnostics)
		}
		for _, own := range s.Certificates {
			if told && own.Import != nil && slices.Contains(own.Names, "a.test") {
				t.Errorf("edit %d: certificates of the stack: %v", n, s.Certificates)
			}
		}
		memory = written(t, r.Memory)
		if c.forgets {
			maps.DeleteFunc(memory.Effect, func(k string, _ merge.Effect) bool {
				return strings.HasPrefix(k, "certificate-names/")
			})
		}
	}
}
