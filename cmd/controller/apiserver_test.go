package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/runtime/serializer/streaming"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// apiServer is as much of an API server as a controller needs: it stores objects as JSON, without validation, defaults,
// admission and selectors of fields. It answers with built-in kinds as protobuf where a client asks for that.
type apiServer struct {
	decoder  runtime.Decoder
	protobuf runtime.SerializerInfo
	kinds    map[schema.GroupVersionResource]schema.GroupVersionKind

	mu      sync.Mutex
	version int
	objects map[schema.GroupVersionResource]map[types.NamespacedName]object
	events  map[schema.GroupVersionResource][]event
	changed chan struct{} // closed with the next event
}

type object struct {
	content map[string]any
	raw     []byte
}

type event struct {
	version int
	kind    watch.EventType
	name    types.NamespacedName
	object  object
}

// clusterWide are the kinds without namespaces.
var clusterWide = []string{"Namespace", "Node", "IngressClass", "IngressClassParams"}

func newAPIServer(scheme *runtime.Scheme, kinds ...schema.GroupVersionKind) *apiServer {
	codecs := serializer.NewCodecFactory(scheme)
	binary, _ := runtime.SerializerInfoForMediaType(codecs.SupportedMediaTypes(), runtime.ContentTypeProtobuf)
	s := &apiServer{decoder: codecs.UniversalDeserializer(), protobuf: binary,
		kinds:   map[schema.GroupVersionResource]schema.GroupVersionKind{},
		objects: map[schema.GroupVersionResource]map[types.NamespacedName]object{},
		events:  map[schema.GroupVersionResource][]event{}, changed: make(chan struct{})}
	for _, k := range kinds {
		of, _ := meta.UnsafeGuessKindToResource(k)
		if k.Kind == "IngressClassParams" {
			of.Resource = "ingressclassparams"
		}
		s.kinds[of], s.objects[of] = k, map[types.NamespacedName]object{}
	}
	return s
}

// create stores an object.
func (s *apiServer) create(o client.Object) error {
	for of, k := range s.kinds {
		if k != o.GetObjectKind().GroupVersionKind() {
			continue
		}
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
		if err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.store(of, content, watch.Added)
		return nil
	}
	return fmt.Errorf("no kind %s", o.GetObjectKind().GroupVersionKind())
}

func metadata(content map[string]any) map[string]any {
	m, ok := content["metadata"].(map[string]any)
	if !ok {
		m = map[string]any{}
		content["metadata"] = m
	}
	return m
}

func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

// store stores a version of an object and tells the watches of it. The caller holds mu.
func (s *apiServer) store(of schema.GroupVersionResource, content map[string]any, kind watch.EventType) object {
	s.version++
	m, k := metadata(content), s.kinds[of]
	content["apiVersion"], content["kind"] = k.GroupVersion().String(), k.Kind
	m["resourceVersion"] = strconv.Itoa(s.version)
	if text(m, "uid") == "" {
		m["uid"], m["generation"], m["creationTimestamp"] = fmt.Sprintf("uid-%d", s.version), 1, "2026-01-01T00:00:00Z"
		if text(m, "name") == "" {
			m["name"] = fmt.Sprint(text(m, "generateName"), s.version)
		}
	}
	raw, _ := json.Marshal(content)
	o, name := object{content, raw}, types.NamespacedName{Namespace: text(m, "namespace"), Name: text(m, "name")}
	if kind == watch.Deleted {
		delete(s.objects[of], name)
	} else {
		s.objects[of][name] = o
	}
	s.events[of] = append(s.events[of], event{s.version, kind, name, o})
	close(s.changed)
	s.changed = make(chan struct{})
	return o
}

// request is a request for objects of a kind.
type request struct {
	of            schema.GroupVersionResource
	name          types.NamespacedName
	status        bool
	labels        labels.Selector
	watch, first  bool
	sinceRevision int
	from, limit   int // of a list: the first object and the number of objects of its page; limit 0 = all
}

func (q *request) wants(name types.NamespacedName, o object) bool {
	own, _ := metadata(o.content)["labels"].(map[string]any)
	set := labels.Set{}
	for k, v := range own {
		set[k], _ = v.(string)
	}
	return (q.name.Namespace == "" || q.name.Namespace == name.Namespace) && (q.name.Name == "" ||
		q.name.Name == name.Name) && q.labels.Matches(set)
}

// parse reads /api/v1/… or /apis/group/version/…; ok is false for other paths.
func (s *apiServer) parse(r *http.Request) (q request, ok bool) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if parts[0] == "api" {
		parts = slices.Insert(parts, 1, "")
	}
	if len(parts) < 4 {
		return q, false
	}
	q.of.Group, q.of.Version = parts[1], parts[2]
	if parts = parts[3:]; len(parts) > 2 && parts[0] == "namespaces" && parts[2] != "status" {
		q.name.Namespace, parts = parts[1], parts[2:]
	}
	q.of.Resource = parts[0]
	if len(parts) > 1 {
		q.name.Name = parts[1]
	}
	q.status = len(parts) > 2 && parts[2] == "status"
	values := r.URL.Query()
	q.labels, _ = labels.Parse(values.Get("labelSelector"))
	q.watch = values.Get("watch") == "true" || values.Get("watch") == "1"
	q.first = values.Get("sendInitialEvents") == "true"
	q.sinceRevision, _ = strconv.Atoi(values.Get("resourceVersion"))
	q.from, _ = strconv.Atoi(values.Get("continue"))
	q.limit, _ = strconv.Atoi(values.Get("limit"))
	if name, ok := strings.CutPrefix(values.Get("fieldSelector"), "metadata.name="); ok {
		q.name.Name = name
	}
	_, ok = s.kinds[q.of]
	return q, ok && q.labels != nil
}

// ServeHTTP implements http.Handler.
func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	q, ok := s.parse(r)
	switch {
	case !ok:
		s.discover(w, r)
	case q.watch:
		s.stream(w, r, q)
	case r.Method != http.MethodGet:
		s.write(w, r, q)
	case strings.HasSuffix(r.URL.Path, "/"+q.of.Resource):
		s.list(w, r, q)
	default:
		s.mu.Lock()
		o, found := s.objects[q.of][q.name]
		s.mu.Unlock()
		if !found {
			refuse(w, http.StatusNotFound, metav1.StatusReasonNotFound)
			return
		}
		s.answer(w, r, o.raw)
	}
}

// inProtobuf returns an object or list as protobuf; ok is false if the client does not ask for that or the kind has no
// such form.
func (s *apiServer) inProtobuf(r *http.Request, text []byte) (data []byte, ok bool) {
	if !strings.HasPrefix(r.Header.Get("Accept"), runtime.ContentTypeProtobuf) {
		return nil, false
	}
	o, _, err := s.decoder.Decode(text, nil, nil)
	if err != nil {
		return nil, false
	}
	data, err = runtime.Encode(s.protobuf.Serializer, o)
	return data, err == nil
}

// answer answers with an object or list.
func (s *apiServer) answer(w http.ResponseWriter, r *http.Request, text []byte) {
	if data, ok := s.inProtobuf(r, text); ok {
		w.Header().Set("Content-Type", runtime.ContentTypeProtobuf)
		text = data
	}
	_, _ = w.Write(text)
}

func refuse(w http.ResponseWriter, code int32, reason metav1.StatusReason) {
	w.WriteHeader(int(code))
	_ = json.NewEncoder(w).Encode(metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status: metav1.StatusFailure, Code: code, Reason: reason, Message: string(reason)})
}

// discover says which kinds there are. Reviews allow everything.
func (s *apiServer) discover(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		var review map[string]any
		_ = json.NewDecoder(r.Body).Decode(&review)
		if review == nil {
			review = map[string]any{}
		}
		review["status"] = map[string]any{"allowed": true}
		_ = json.NewEncoder(w).Encode(review)
		return
	}
	groups := map[schema.GroupVersion][]metav1.APIResource{}
	for of, k := range s.kinds {
		groups[k.GroupVersion()] = append(groups[k.GroupVersion()], metav1.APIResource{Name: of.Resource, Kind: k.Kind,
			Namespaced: !slices.Contains(clusterWide, k.Kind), Verbs: metav1.Verbs{"get", "list", "watch", "create", "update",
				"patch", "delete"}})
	}
	path := strings.Trim(r.URL.Path, "/")
	switch path {
	case "version":
		_, _ = io.WriteString(w, `{"major": "1", "minor": "36", "gitVersion": "v1.36.0"}`)
		return
	case "api":
		_ = json.NewEncoder(w).Encode(metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"},
			Versions: []string{"v1"}})
		return
	case "apis":
		list := metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}}
		for g := range groups {
			if v := (metav1.GroupVersionForDiscovery{GroupVersion: g.String(), Version: g.Version}); g.Group != "" {
				list.Groups = append(list.Groups, metav1.APIGroup{Name: g.Group, Versions: []metav1.GroupVersionForDiscovery{v},
					PreferredVersion: v})
			}
		}
		_ = json.NewEncoder(w).Encode(list)
		return
	}
	_, version, _ := strings.Cut(path, "/")
	g, _ := schema.ParseGroupVersion(version)
	if groups[g] == nil {
		refuse(w, http.StatusNotFound, metav1.StatusReasonNotFound)
		return
	}
	_ = json.NewEncoder(w).Encode(metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList",
		APIVersion: "v1"}, GroupVersion: g.String(), APIResources: groups[g]})
}

// snapshot returns the objects that a request wants.
func (s *apiServer) snapshot(q request) (all []object, version int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, o := range s.objects[q.of] {
		if q.wants(name, o) {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b object) int {
		return cmp.Compare(text(metadata(a.content), "name"), text(metadata(b.content), "name"))
	})
	return all, s.version
}

func (s *apiServer) list(w http.ResponseWriter, r *http.Request, q request) {
	all, version := s.snapshot(q)
	next := ""
	if all = all[min(q.from, len(all)):]; q.limit > 0 && len(all) > q.limit {
		all, next = all[:q.limit], strconv.Itoa(q.from+q.limit)
	}
	k := s.kinds[q.of]
	var list bytes.Buffer
	_, _ = fmt.Fprintf(&list, `{"apiVersion": %q, "kind": "%sList", "metadata": {"resourceVersion": "%d", `+
		`"continue": %q}, "items": [`, k.GroupVersion(), k.Kind, version, next)
	for i, o := range all {
		if i > 0 {
			list.WriteByte(',')
		}
		list.Write(o.raw)
	}
	list.WriteString("]}")
	s.answer(w, r, list.Bytes())
}

// stream answers a watch until its client leaves.
func (s *apiServer) stream(w http.ResponseWriter, r *http.Request, q request) {
	flusher, _ := w.(http.Flusher)
	k := s.kinds[q.of]
	empty := fmt.Appendf(nil, `{"apiVersion": %q, "kind": %q}`, k.GroupVersion(), k.Kind)
	send := func(kind watch.EventType, raw []byte) {
		_, _ = fmt.Fprintf(w, `{"type": %q, "object": %s}`+"\n", kind, raw)
	}
	if _, ok := s.inProtobuf(r, empty); ok {
		w.Header().Set("Content-Type", runtime.ContentTypeProtobuf+";stream=watch")
		form := s.protobuf.StreamSerializer
		frames := streaming.NewEncoder(form.NewFrameWriter(w), form.Serializer)
		send = func(kind watch.EventType, raw []byte) {
			data, _ := s.inProtobuf(r, raw)
			_ = frames.Encode(&metav1.WatchEvent{Type: string(kind), Object: runtime.RawExtension{Raw: data}})
		}
	}
	since := q.sinceRevision
	if q.first {
		var all []object
		all, since = s.snapshot(q)
		for _, o := range all {
			send(watch.Added, o.raw)
		}
		send(watch.Bookmark, fmt.Appendf(nil, `{"apiVersion": %q, "kind": %q, "metadata": {"resourceVersion": "%d", `+
			`"annotations": {%q: "true"}}}`, k.GroupVersion(), k.Kind, since, metav1.InitialEventsAnnotationKey))
	}
	flusher.Flush()
	for at := 0; ; {
		s.mu.Lock()
		events, changed := s.events[q.of], s.changed
		s.mu.Unlock()
		for ; at < len(events); at++ {
			if e := events[at]; e.version > since && q.wants(e.name, e.object) {
				send(e.kind, e.object.raw)
			}
		}
		flusher.Flush()
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

// write creates, replaces, patches or deletes an object.
func (s *apiServer) write(w http.ResponseWriter, r *http.Request, q request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var change map[string]any
	if r.Method == http.MethodPost || r.Method == http.MethodPut { // of built-in kinds in another format
		o, _, err := s.decoder.Decode(body, nil, nil)
		if err != nil {
			refuse(w, http.StatusBadRequest, metav1.StatusReasonBadRequest)
			return
		}
		if change, err = runtime.DefaultUnstructuredConverter.ToUnstructured(o); err != nil {
			refuse(w, http.StatusBadRequest, metav1.StatusReasonBadRequest)
			return
		}
	} else {
		_ = json.Unmarshal(body, &change)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method == http.MethodPost {
		q.name.Name = text(metadata(change), "name")
		metadata(change)["namespace"] = q.name.Namespace
	}
	was, found := s.objects[q.of][q.name]
	version := text(metadata(change), "resourceVersion")
	switch {
	case r.Method == http.MethodPost && found:
		refuse(w, http.StatusConflict, metav1.StatusReasonAlreadyExists)
		return
	case r.Method != http.MethodPost && !found:
		refuse(w, http.StatusNotFound, metav1.StatusReasonNotFound)
		return
	case found && version != "" && version != text(metadata(was.content), "resourceVersion"):
		refuse(w, http.StatusConflict, metav1.StatusReasonConflict)
		return
	}
	var is object
	switch r.Method {
	case http.MethodPost:
		is = s.store(q.of, change, watch.Added)
	case http.MethodDelete:
		is = s.store(q.of, was.content, watch.Deleted)
	case http.MethodPut:
		is = s.store(q.of, change, watch.Modified)
	default:
		var content map[string]any
		_ = json.Unmarshal(was.raw, &content)
		merge(content, change)
		if raw, _ := json.Marshal(content); string(raw) == string(was.raw) {
			is = was
		} else {
			is = s.store(q.of, content, watch.Modified)
		}
	}
	s.answer(w, r, is.raw)
}

// merge applies a JSON merge patch (RFC 7386).
func merge(to, patch map[string]any) {
	for key, value := range patch {
		object, isObject := value.(map[string]any)
		was, wasObject := to[key].(map[string]any)
		switch {
		case value == nil:
			delete(to, key)
		case isObject && wasObject:
			merge(was, object)
		case isObject:
			was = map[string]any{}
			merge(was, object)
			to[key] = was
		default:
			to[key] = value
		}
	}
}
