package front

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Unmet are the conditions of a Gateway and the objects around it that are not met and that no diagnostic is about.
func (w Input) Unmet(found diag.List) []gateway.Unmet {
	if w.Decisions == nil {
		return nil
	}
	o := w.Decisions.Overview(nil)
	return slices.DeleteFunc(o.Unmet(), func(u gateway.Unmet) bool {
		return slices.ContainsFunc(found, func(d diag.Diagnostic) bool {
			same := d.Object.Kind == u.Object.Kind && d.Object.Namespace == u.Object.Namespace && d.Object.Name == u.Object.Name
			return d.Class != diag.Note && strings.Contains(u.Message, causeOf(d)) &&
				(same || u.Object.Kind == string(objects.Gateway))
		})
	})
}

// causeOf is the text of a diagnostic without what becomes of a rule or listener that cannot be served.
func causeOf(d diag.Diagnostic) string {
	text := d.Text
	if i := strings.LastIndex(text, "; "); (d.Code == diag.InvalidRule || d.Code == diag.InvalidListener) && i > 0 {
		text = text[:i]
	}
	if _, cause, ok := strings.Cut(text, " is not valid: "); ok && d.Code == diag.InvalidListener {
		text = cause
	}
	return text
}
