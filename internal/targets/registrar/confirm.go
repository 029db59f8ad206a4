package registrar

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/sorting"
)

// askedAtOnce is how many targets one call asks for by name.
const askedAtOnce = 100

// confirmed is AWS's answer about all targets of a group, with those that it lacks by mistake, as an empty answer does.
// AWS answers for each target that it is asked for by name, also for one that is not registered. Targets that are known
// to be registered and that AWS does not answer for stay known.
func (r *Registry) confirmed(ctx context.Context, g *group, health []Health) ([]Health, error) {
	for some := range slices.Chunk(g.lacking(health), askedAtOnce) {
		named, err := r.Health(ctx, g.Group, some...)
		if err != nil && awsclient.Classify(err).Code == awsclient.CodeInvalidTarget { // an instance is gone
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, t := range some {
			at := slices.IndexFunc(named, func(h Health) bool { return h.Address() == t.Address() })
			switch {
			case at < 0:
				health = append(health, Health{Target: t})
			case named[at].Key() == t.Key() && named[at].Reason != string(types.TargetHealthReasonEnumNotRegistered):
				health = append(health, named[at])
			}
		}
	}
	return health, nil
}

// lacking are the targets that are known to be registered and that an answer lacks, in order.
func (g *group) lacking(health []Health) (out []Target) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.known {
		return nil
	}
	found := make(map[string]bool, len(health))
	for _, h := range health {
		found[h.Key()] = true
	}
	for key, m := range g.members {
		if !found[key] && !m.uncertain && !g.touched[key] && !g.moving(key) {
			out = append(out, m.Target)
		}
	}
	sorting.By(out, cmpKeys)
	return out
}
