// Package podserver is test support: the part of an API server that lists and watches pods, of all namespaces or of
// one.
package podserver

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

// Server has pods.
type Server struct {
	mu       sync.Mutex
	pods     []corev1.Pod
	requests []string
	refuses  bool
	watches  map[chan corev1.Pod]string // of a namespace; empty = all
}

// New makes a server with pods.
func New(pods ...corev1.Pod) *Server {
	return &Server{pods: pods, watches: map[chan corev1.Pod]string{}}
}

// Pod returns a pod on node n.
func Pod(namespace, name string) corev1.Pod {
	p := corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: name, ResourceVersion: "1"}}
	p.Spec.NodeName = "n"
	return p
}

// Start serves until the test ends. It returns the configuration of a cache of the pods.
func (s *Server) Start(t testing.TB) (*rest.Config, cache.Options) {
	server := httptest.NewServer(s)
	t.Cleanup(server.CloseClientConnections)
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, kind := range []string{"Pod", "PodList"} { // as discovery has them
		mapper.Add(corev1.SchemeGroupVersion.WithKind(kind), meta.RESTScopeNamespace)
	}
	return &rest.Config{Host: server.URL, QPS: -1}, cache.Options{Scheme: scheme.Scheme, Mapper: mapper,
		HTTPClient: server.Client()}
}

// Add adds a pod, which watches see.
func (s *Server) Add(p corev1.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.ResourceVersion = strconv.Itoa(len(s.pods) + 2)
	s.pods = append(s.pods, p)
	for c, namespace := range s.watches {
		if namespace == "" || namespace == p.Namespace {
			c <- p
		}
	}
}

// Refuse has lists fail from now on, or succeed again.
func (s *Server) Refuse(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuses = on
}

// Requests returns the paths of all requests.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

// Watches returns how many watches are under way.
func (s *Server) Watches() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.watches)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	namespace := ""
	if rest, ok := strings.CutPrefix(r.URL.Path, "/api/v1/namespaces/"); ok {
		namespace = strings.TrimSuffix(rest, "/pods")
	}
	watches := r.URL.Query().Has("watch")
	s.mu.Lock()
	s.requests = append(s.requests, r.URL.Path)
	if s.refuses {
		s.mu.Unlock()
		http.Error(w, "refused", http.StatusInternalServerError)
		return
	}
	list := corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"},
		ListMeta: metav1.ListMeta{ResourceVersion: strconv.Itoa(len(s.pods) + 1)}}
	for _, p := range s.pods {
		if namespace == "" || p.Namespace == namespace {
			list.Items = append(list.Items, p)
		}
	}
	events := make(chan corev1.Pod, 100)
	if watches {
		s.watches[events] = namespace
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if !watches {
		_ = json.NewEncoder(w).Encode(list)
		return
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watches, events)
	}()
	stream(w, r, list, events)
}

// stream answers a watch until its client leaves: with the pods of the list, if the request asks for them, and with
// those that follow.
func stream(w http.ResponseWriter, r *http.Request, list corev1.PodList, following <-chan corev1.Pod) {
	send := func(kind watch.EventType, o runtime.Object) error {
		raw, err := json.Marshal(o)
		if err != nil {
			return err
		}
		return json.NewEncoder(w).Encode(metav1.WatchEvent{Type: string(kind), Object: runtime.RawExtension{Raw: raw}})
	}
	flusher, _ := w.(http.Flusher)
	if r.URL.Query().Get("sendInitialEvents") == "true" {
		for i := range list.Items {
			if send(watch.Added, &list.Items[i]) != nil {
				return
			}
		}
		end := Pod("", "")
		end.ResourceVersion = list.ResourceVersion
		end.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
		if send(watch.Bookmark, &end) != nil {
			return
		}
	}
	flusher.Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case p := <-following:
			if send(watch.Added, &p) != nil {
				return
			}
			flusher.Flush()
		}
	}
}
