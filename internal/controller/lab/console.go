package lab

import (
	"context"

	"github.com/k8s-lbc/lbc/internal/controller/consolesource"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// Console has the passes over Ingresses noted for a console.
func (l *Lab) Console() *consolesource.Source {
	s := consolesource.New(consolesource.Options{
		Config: l.Config, Health: l.Clients().ELBV2, Now: l.Clock.Now, Names: consolesource.NamesFrom(l.Client),
		Objects: func(ctx context.Context) *objects.View { return objects.New(reads.NewCacheReader(ctx, l.Client, nil)) },
	})
	l.Ingresses.OnPassed = s.Passed
	return s
}
