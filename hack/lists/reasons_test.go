package lists

// several are the functions of reasons that have more than one list, and how many.
var several = map[string]int{
	"aws/ownership/localtargets Cluster.Own":      2,
	"aws/ownership/orphan Claims.groupsOfClasses": 3,
	"aws/ownership/orphan ClaimsOf":               2,
	"controller newStart":                         2,
	"controller/optionalkinds Cache.List":         2,
	"controller/podcache Cache.List":              2,
	"controller/reads ConfirmingReader.List":      2,
	"controller/reads missing.List":               3,
	"controller Wiring.setUpDoctor":               3,
}

// reasons are the functions that list objects without an index of the cache, and why they may.
var reasons = map[string]string{
	"aws/ownership/localtargets Cluster.Own": "looks at foreign targets of a shared target group, in the " +
		"background; nodes and slices have no index by address",
	"aws/ownership/orphan Claims.groupsOfClasses": "the search for another cluster of the same name asks at " +
		"intervals, for all stacks at once",
	"aws/ownership/orphan ClaimsOf": "the search for another cluster of the same name asks at " +
		"intervals, for all stacks at once",
	"controller gatewayNotice.list": "once at the start",
	"controller holdWatcher.Start":  "reads one ConfigMap, by its name",
	"controller newStart":           "once at the start, with a limit of one",
	"controller podNeeds.byBinding": "looks at a namespace whose last known binding with pods has gone, each minute until " +
		"its watch of pods ends",
	"controller restrictedCache.List": "passes on the list of its caller",
	"controller Wiring.roleCame":      "a role that can be assumed again concerns any binding; it is rare",
	"controller Wiring.setUpDoctor": "once a minute, in the leader: nodes, and endpoints and pods of namespaces with " +
		"readiness gates",
	"controller/leaderdoctor Doctor.facts":           "looks at all objects once a minute, in the leader",
	"controller Wiring.wakeBindings":                 "a hold of an administrator concerns any binding; it is rare",
	"controller/bindingpass Reconciler.TargetGroups": "looks for drift in all target groups, at intervals",
	"controller/bindingpass Reconciler.closeMistaken": "looks for the Service of a node port only for a binding with a " +
		"mistake",
	"controller/bindingpass Reconciler.leadsNowhere": "asks the API server for the pods with the labels of one " +
		"Service, once for each edit of the Service by which endpoints with serving pods would go",
	"controller/bindingpass Reconciler.liveSlicesOf": "asks the API server only where the cache lacks slices of the " +
		"Service, by its label",
	"controller/bindingpass confirmingReader.read": "asks the API server for the pods of a namespace at once, where " +
		"the cache is behind for many of them",
	"controller/bindingpass listBindings": "polls namespaces that no watch shows",
	"controller/bindingpass nodeLists.confirm": "asks the API server only where the cache lacks a node that it had, or " +
		"that is registered",
	"controller/bindingpass nodeLists.list":    "bindings of instances share the list until a node changes",
	"controller/gatewaystatus Release.release": "at intervals, after a class was given up",
	"controller/lbstatus Writer.listed": "every five minutes, by pages, because other programs may edit the objects and an " +
		"informer would log errors without their definition: 4,000 objects of 1 KB cost 140 ms of processor time and 29 MB " +
		"to read, 0.5 ms a second",
	"controller/networking Reconciler.cacheIsWhole": "once at the start, before the first rule is revoked",
	"controller/networking Reconciler.listBindings": "rules are revoked only if all bindings are known; asked only at the " +
		"start, until all were known once",
	"controller/optionalkinds Cache.List": "passes on the list of its caller",
	"controller/podcache Cache.List":      "passes on the list of its caller",
	"controller/podcache watch.anyPod": "looks at the pods of a namespace that neither its label nor a binding needs, each " +
		"minute until its watch of pods ends",
	"controller/reads CacheReader.ListNaming": "of the API server, which has no index; the cache has one",
	"controller/reads CacheReader.unindexedGrants": "once a pass and namespace, for a reference that no grant in the cache " +
		"permits, and only if the cache has no grant of the namespace or no index",
	"controller/reads ConfirmingReader.List": "passes on the list of its caller",
	"controller/reads NewCacheReader":        "passes on the list of its caller",
	"controller/reads missing.Get": "asks the API server for a namespace at once, where a pass names many objects that the " +
		"cache lacks",
	"controller/reads missing.List":         "the same, for ReferenceGrants",
	"controller/reads OtherNamespaces.Poll": "polls namespaces that no watch shows",
	"controller/reads Restricted.List":      "passes on the list of its caller",
	"controller/secret Metadata":            "begins a watch",
	"controller/servicepods Read":           "asks the API server for one pod of a Service, by pages",
	"controller/stacks BackendGroup.Needed": "reached only when no object has a finalizer: the last load " +
		"balancer is gone",
	"controller/stacks HiddenMembers.members": "asks the API server, by pages, for members that no watch shows",
	"controller/stacks Reconciler.expect":     "lists the bindings of one stack, by the index ByStack",
	"kube/objects List":                       "passes on the list of its caller",
	"kube/objects Snapshot.podOfService":      "a snapshot of the command line",
	"kube/objects View.ServicesOfPod": "only for readers without the index of selectors, as in " +
		"the command line",
	"targets/bindingobject BindingsOf":   "a snapshot of the command line",
	"controller Wiring.NewDriftDetector": "the search for drift asks at intervals of half a minute",
	"controller Wiring.declared": "asked after denied calls, and at intervals by the search for resources that " +
		"nothing claims",
	"controller Wiring.setUpShared":             "asked after a failure that concerns all",
	"controller Wiring.DefinitionChanged":       "a definition came or went, which any pass may have read",
	"controller/accelerator Reconciler.WakeAll": "the same",
	"controller/stacks Reconciler.WakeGroups":   "a namespace that no watch shows may have a member of any group",
	"controller/stacks Reconciler.Unvisited":    "once after the start",
	"front TargetGroupReferences.read": "only for load balancers that forward to a target group by its ARN, the Services of " +
		"namespaces whose grants let a member name one",
	"kube/objects View.NamespaceNames": "only for load balancers that forward to a target group by its ARN",
	"plan/accelerator/declare members": "only for an accelerator whose endpoint is the load balancer of a group, the " +
		"objects of its namespace",
}
