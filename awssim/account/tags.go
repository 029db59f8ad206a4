package account

import "strings"

// ResourceTags are the tags of the resource with that ARN, as policies see them; nil when nothing has the ARN or it has
// none.
func (a *Account) ResourceTags(arn string) map[string]string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 {
		return nil
	}
	of := map[string]func(arn, path string) map[string]string{
		"elasticloadbalancing": a.balancingTags,
		"ec2":                  a.computeTags,
		"acm":                  a.certificateTags,
		"iam":                  a.identityTags,
		"wafv2":                a.firewallTags,
		"shield":               a.protectionTags,
		"globalaccelerator":    a.acceleratorTags,
	}[parts[2]]
	if of == nil {
		return nil
	}
	return of(arn, parts[5])
}

func (a *Account) balancingTags(arn, _ string) map[string]string {
	if lb := a.LoadBalancers[arn]; lb != nil {
		return lb.Tags
	}
	if tg := a.TargetGroups[arn]; tg != nil {
		return tg.Tags
	}
	if l := a.Listeners[arn]; l != nil {
		return l.Tags
	}
	if r := a.Rules[arn]; r != nil {
		return r.Tags
	}
	if t := a.TrustStores[arn]; t != nil {
		return t.Tags
	}
	return nil
}

func (a *Account) computeTags(_, path string) map[string]string {
	_, id, _ := strings.Cut(path, "/")
	tags, _ := a.TagsOf(id)
	return tags
}

func (a *Account) certificateTags(arn, _ string) map[string]string {
	if c := a.Certificates[arn]; c != nil {
		return c.Tags
	}
	return nil
}

func (a *Account) identityTags(arn, path string) map[string]string {
	kind, rest, _ := strings.Cut(path, "/")
	name := rest[strings.LastIndexByte(rest, '/')+1:]
	switch kind {
	case "role":
		if r := a.Roles[name]; r != nil && a.RoleARN(r) == arn {
			return r.Tags
		}
	case "user":
		if u := a.Users[name]; u != nil && a.UserARN(u) == arn {
			return u.Tags
		}
	}
	return nil
}

func (a *Account) firewallTags(arn, _ string) map[string]string {
	if w := a.WebACLs[arn]; w != nil {
		return w.Tags
	}
	if s := a.IPSets[arn]; s != nil {
		return s.Tags
	}
	return nil
}

func (a *Account) protectionTags(_, path string) map[string]string {
	if p := a.Protections[strings.TrimPrefix(path, "protection/")]; p != nil {
		return p.Tags
	}
	return nil
}

// acceleratorTags are the accelerator's for what is below it as well: listeners and endpoint groups have no tags of
// their own.
func (a *Account) acceleratorTags(arn, _ string) map[string]string {
	arn, _, _ = strings.Cut(arn, "/listener/")
	if x := a.Accelerators[arn]; x != nil {
		return x.Tags
	}
	return nil
}
