package service

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Translate returns the desired network load balancer of a stack, with its members in the order of precedence. All
// findings are among the members' diagnostics; an invalid setting does not stop the translation of the others.
func Translate(v *objects.View, cfg Config, g Group) intent.LoadBalancer {
	lb := g.loadBalancer()
	for _, svc := range g.Members {
		m := intent.Member{Object: owner.Object(svc)}
		if why, former := g.former[svc]; former {
			m.Former, m.Diagnostics = true, diag.List{why}
		} else {
			m = translate(v, cfg, svc, g.ID.Namespace == "")
		}
		if !svc.CreationTimestamp.IsZero() || g.ID.Namespace == "" {
			m.Created = created(svc)
		}
		lb.Members = append(lb.Members, m)
	}
	return lb
}

func translate(v *objects.View, cfg Config, svc *corev1.Service, grouped bool) intent.Member {
	f := &annotation.Findings{}
	t := &translation{
		view: v, config: cfg, service: svc, grouped: grouped, findings: f,
		read:         annotation.NewReader(f, owner.Object(svc), svc.Annotations),
		targetGroups: map[string]*intent.TargetGroup{},
	}
	f.Limit(svc.Annotations, len(svc.Spec.Ports))
	annotation.Check(f, owner.Object(svc), annotation.OnService, svc.Annotations)
	annotation.CheckLabels(f, owner.Object(svc), svc.Labels)
	if annotation.OfIngress(svc.Annotations) && !objects.NamedByIngress(v, svc) {
		annotation.CheckUnnamed(f, owner.Object(svc), svc.Annotations, true)
	}
	m := intent.Member{Object: owner.Object(svc), Settings: t.settings()}
	m.Listeners = t.listeners(m.Settings)
	t.noteDoubts(m.Settings.Scheme.Value)
	t.misspeltValues(m.Listeners)
	annotation.CheckEmpty(f, owner.Object(svc), annotation.OnService, svc.Annotations)
	f.NameKeys(owner.Object(svc), annotation.OnService, svc.Annotations)
	m.Diagnostics, m.Named = f.List(), f.Named()
	m.Misspelt = append(annotation.Misspellings(owner.Object(svc), annotation.OnService, svc.Annotations),
		f.Misspelt()...)
	return m
}

// misspeltValues finds values that count as the default, as in the existing controller.
func (t *translation) misspeltValues(listeners []intent.Listener) {
	for _, v := range []struct {
		setting string
		key     annotation.Key
		fits    func(value string) bool
	}{
		{"target-type", annotation.ServiceTargetType, func(v string) bool {
			return v == stack.TargetIP || v == stack.TargetInstance
		}},
		{"backend-protocol", annotation.ServiceBackendProtocol, func(v string) bool {
			return v == "ssl" || v == "tcp" || v == "http" || !endsTLS(listeners)
		}},
		{"icmp", annotation.ServiceICMP, func(v string) bool { return v == "on" || v == "off" }},
	} {
		if value, _, ok := t.read.Raw(v.key); ok && !v.fits(value) {
			t.misspeltValue(v.setting, v.key)
		}
	}
}

func (t *translation) misspeltValue(setting string, k annotation.Key) {
	_, source, _ := t.read.Raw(k)
	t.findings.Misspell(intent.Misspelling{Setting: setting, Key: string(k), Meant: string(k), Source: source})
}

func endsTLS(listeners []intent.Listener) bool {
	return slices.ContainsFunc(listeners, func(l intent.Listener) bool { return l.Protocol == tls })
}

// translation is the state of the translation of one Service.
type translation struct {
	view     *objects.View
	config   Config
	service  *corev1.Service
	grouped  bool // it is a member of a group
	findings *annotation.Findings
	read     annotation.Reader

	targetGroups map[string]*intent.TargetGroup // by identity; nil = invalid, which is reported
}

// here is a source within the Service.
func (t *translation) here(path string) intent.Source {
	return intent.At(owner.Object(t.service), path)
}

func (t *translation) report(s diag.Scope, path string, c diag.Code, text, remedy string) {
	t.findings.Add(diag.New(owner.Object(t.service), path, c, text, remedy).In(s))
}
