package ingress

import (
	"strconv"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/annotation"
)

// underDryRun reports whether annotation dry-run keeps an Ingress from being deployed. A value that is no boolean does: whoever
// wrote it wanted no deployment. An Ingress that is being deleted is under no dry run.
func underDryRun(cfg Config, ing *networkingv1.Ingress) bool {
	if cfg.IncludeDryRun || ing.DeletionTimestamp != nil {
		return false
	}
	return DryRun(ing)
}

// DryRun reports whether an Ingress asks by annotation not to be deployed.
func DryRun(ing *networkingv1.Ingress) bool {
	raw, ok := ing.Annotations[string(annotation.DryRun)]
	if !ok {
		return false
	}
	on, err := strconv.ParseBool(raw)
	return on || err != nil
}
