package lab

import (
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Edit changes an Ingress of the lab.
func (l *Lab) Edit(name string, change func(*networkingv1.Ingress)) {
	l.Helper()
	i := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
	l.Get(i, name)
	change(i)
	l.Must(l.Client.Update(l.Context(), i))
}

// ToNew adds the path of Service new to an Ingress.
func ToNew(i *networkingv1.Ingress) {
	paths := Ingress("x", nil, "new").Spec.Rules[0].HTTP.Paths
	i.Spec.Rules[0].HTTP.Paths = append(i.Spec.Rules[0].HTTP.Paths, paths...)
}

// Told reports whether an event about an Ingress has all of the texts.
func (l *Lab) Told(name string, texts ...string) bool {
	return slices.ContainsFunc(l.Events, func(e string) bool {
		return strings.HasPrefix(e, "Ingress shop/"+name+" ") &&
			!slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(e, text) })
	})
}
