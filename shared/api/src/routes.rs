//! The routes of a function, listed once: to be served, and to be described.

use axum::handler::Handler;
use axum::routing::MethodRouter;
use utoipa::openapi::HttpMethod;
use utoipa_axum::PathItemExt as _;

/// Makes `routes()`, which describes the routes of a function, and `router(state)`, which serves
/// them, from the type of its state and its handlers, such as `State: file::show, file::list`.
///
/// What describes them is not made at the start of a function: it would be most of what a start takes.
#[macro_export]
macro_rules! routes {
    ($state:ty: $($module:ident :: $handler:ident),+ $(,)?) => {
        /// The routes of this function, with their documentation.
        pub fn routes() -> utoipa_axum::router::OpenApiRouter<$state> {
            utoipa_axum::router::OpenApiRouter::new()
                $(.routes(utoipa_axum::routes!($module::$handler)))+
        }

        /// The routes of this function, ready to be served beside those of the others.
        pub fn router(state: $state) -> axum::Router {
            utoipa_axum::paste! {
                axum::Router::new()
                    $(.route(
                        &<$module::[<__path_ $handler>] as utoipa::Path>::path(),
                        $crate::routes::on(
                            &<$module::[<__path_ $handler>] as utoipa::Path>::methods(),
                            &$module::$handler,
                        ),
                    ))+
                    .with_state(state)
            }
        }
    };
}

/// Serves methods by a handler.
pub fn on<H, T, S>(methods: &[HttpMethod], handler: &H) -> MethodRouter<S>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
{
    methods.iter().fold(MethodRouter::new(), |router, method| {
        router.on(method.to_method_filter(), handler.clone())
    })
}
