package service

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/owner"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Key is the key of the stack of a Service.
func Key(svc *corev1.Service) stack.Key {
	return stack.Key{Owner: stack.Service, ID: naming.StackID(svc.Namespace, svc.Name)}
}

// Translate returns the desired network load balancer of a Service, with one member: the Service. All findings are among the member's
// diagnostics; an invalid setting does not stop the translation of the others. For a Service that is not Supported there is no member.
func Translate(v *objects.View, cfg Config, svc *corev1.Service) intent.LoadBalancer {
	e := loadBalancer(svc)
	if !Supported(cfg, svc) {
		return e
	}
	f := &annotation.Findings{}
	t := &translation{
		view: v, config: cfg, service: svc, findings: f,
		read:         annotation.NewReader(f, owner.Object(svc), svc.Annotations),
		targetGroups: map[string]*intent.TargetGroup{},
	}
	annotation.Check(f, owner.Object(svc), annotation.OnService, svc.Annotations)
	m := intent.Member{Object: owner.Object(svc), Settings: t.settings(), Misspelt: annotation.Misspellings(owner.Object(svc), annotation.OnService, svc.Annotations)}
	if !svc.CreationTimestamp.IsZero() {
		m.Created = svc.CreationTimestamp.Unix()
	}
	m.Listeners = t.listeners(m.Settings)
	if value, source, ok := t.read.Raw(annotation.ServiceTargetType); ok && value != stack.TargetIP && value != stack.TargetInstance {
		key := string(annotation.ServiceTargetType) // the value counts as instance, as in the existing controller
		m.Misspelt = append(m.Misspelt, intent.Misspelling{Setting: "target-type", Key: key, Meant: key, Source: source})
	}
	m.Diagnostics = f.List()
	e.Members = []intent.Member{m}
	return e
}

// translation is the state of the translation of one Service.
type translation struct {
	view     *objects.View
	config   Config
	service  *corev1.Service
	findings *annotation.Findings
	read     annotation.Reader

	targetGroups map[string]*intent.TargetGroup // by identity; nil = invalid, which is reported
}

// here is a source within the Service.
func (t *translation) here(path string) intent.Source {
	return intent.Source{Object: owner.Object(t.service), Path: path}
}

func (t *translation) report(s diag.Scope, path string, c diag.Code, text, remedy string) {
	t.findings.Add(diag.New(owner.Object(t.service), path, c, text, remedy).In(s))
}
