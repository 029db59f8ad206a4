package ingress

import (
	"net"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// ofClasses are what the parameters of the present class set, and those of the class of the last valid version, even if
// the Ingress may use that class no longer.
func (t *translation) ofClasses() func() []intent.ClassSettings {
	var classes []Class
	if t.class.Params != nil {
		classes = append(classes, t.class)
	}
	if t.config.LastClass != nil {
		if last := t.config.LastClass(Object(t.ingress)); last != "" && last != t.class.Name {
			if c, ok := t.view.IngressClass(last); ok {
				if params, _ := paramsOf(t.view, c); params != nil {
					classes = append(classes, Class{Name: last, Params: params})
				}
			}
		}
	}
	if len(classes) == 0 {
		return nil
	}
	return func() (out []intent.ClassSettings) {
		for _, c := range classes {
			out = append(out, t.ofClass(c))
		}
		return out
	}
}

// ofClass is what the parameters of a class set for an Ingress without annotations. Ranges that are none are left out.
func (t *translation) ofClass(c Class) intent.ClassSettings {
	bare := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: t.ingress.Namespace, Name: t.ingress.Name,
		UID: t.ingress.UID}}
	f := &annotation.Findings{}
	of := &translation{view: t.view, config: t.config, ingress: bare, class: c, findings: f,
		read: annotation.NewReader(f, Object(bare), nil)}
	spec := c.Params.Spec
	out := intent.ClassSettings{Class: c.Name, Settings: of.settings(), Listener: of.eachListener(spec)}
	out.Listener.Certificates = of.listOf(spec.CertificateArn, "spec.certificateArn", annotation.CertificateARN)
	for _, l := range spec.Listeners {
		one := intent.Listener{Protocol: string(l.Protocol), Port: l.Port}
		one.Attributes = overlay(intent.Field[map[string]string]{}, of.classListenerAttributes(spec, one),
			func() intent.Source { return of.params("spec.listeners") })
		out.Listeners = append(out.Listeners, one)
	}
	if slices.ContainsFunc(out.Listener.InboundCIDRs.Value, func(r string) bool {
		_, _, err := net.ParseCIDR(r)
		return err != nil
	}) {
		out.Listener.InboundCIDRs = intent.Field[[]string]{}
	}
	return out
}
