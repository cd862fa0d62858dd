//! `GET /v1/files`: lists files.
//!
//! Without a folder the whole workspace is listed from an index: the newest first, each file once;
//! with `updated_since` what changed and what is gone, in the order it changed, so that whoever
//! follows misses nothing. Within a folder the names are read, which are in order, or an index of its files by
//! time. Filters are applied to what is
//! read, and a request reads only so much: then its page is short, and the next one goes on.

use api::auth::Caller;
use api::page::{Asked, encode};
use api::problem::Result;
use api::request::Query;
use api::view::file::FileView;
use api::view::files::{FilePage, GoneFileView};
use domain::file::{File, State as FileState};
use domain::name::{FileName, FolderPath};
use domain::principal::Role;
use domain::{Error, FolderId, WorkspaceId};
use serde::{Deserialize, Serialize};
use store::Store;
use store::file::{GoneFile, Known};
use store::listing::{ListPosition, Order};

use crate::State;
use crate::filter::Filter;
use crate::paths::Paths;
use crate::walk::{Position, Step, Walk};

/// Pages of names or of the index that one request reads at most.
const MOST_READS: usize = 20;
/// Names, or files of the index, read at once where some of the files are passed over.
const FILTERED_AT_ONCE: usize = 100;

/// Where a list goes on.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Cursor {
    /// Below this place in the order of creation.
    #[serde(rename = "c")]
    Created(ListPosition),
    /// Below this place in the order of changes.
    #[serde(rename = "t")]
    Changed(ListPosition),
    /// Behind this place in the order of changes.
    #[serde(rename = "s")]
    ChangedSince(ListPosition),
    /// After this name.
    #[serde(rename = "w")]
    Walk(Position),
}

/// Lists files, with filters.
///
/// A page may hold fewer files than asked for, or none, and still not be the last: go on until
/// `next_cursor` is null.
#[utoipa::path(
    get,
    path = "/v1/files",
    tag = "retrieval",
    params(
        ("folder" = Option<String>, Query, description = "Only files in this folder, by path; without it the whole workspace, the newest file first", example = "/bills"),
        ("recursive" = Option<bool>, Query, description = "With folder: also those in the folders below"),
        ("name" = Option<String>, Query, description = "With folder: the one file in it that has this name, found at once however many there are", example = "May.pdf"),
        ("type" = Option<String>, Query, description = "Only files of this type", example = "bill"),
        ("tag" = Option<Vec<String>>, Query, description = "Only files with this tag; with all of them when repeated"),
        ("status" = Option<String>, Query, description = "Only files at this point of the pipeline", example = "completed"),
        ("state" = Option<String>, Query, description = "active (the default) or trashed; of the whole workspace any, too"),
        ("updated_since" = Option<String>, Query, description = "Only files changed at this time or after; of the whole workspace in the order they changed, with those that are gone, for following it: a file that changes between pages comes again, and state=any tells of what went into the trash, too", example = "2025-10-29T12:00:00Z"),
        ("sort" = Option<String>, Query, description = "Within one folder: name (the default) or updated_at, newest first"),
        ("limit" = Option<usize>, Query, description = "Most files of a page, 1 to 100; 50 by default"),
        ("cursor" = Option<String>, Query, description = "The next_cursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page of files", body = FilePage),
        (status = 404, description = "No such folder"),
    )
)]
pub async fn list(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    mut query: Query,
) -> Result<axum::Json<FilePage>> {
    principal.require(Role::Viewer)?;
    let asked: Asked<Cursor> = Asked::from_query(&mut query)?;
    let filter = Filter::from_query(&mut query)?;
    let place = PlaceAsked::from_query(&mut query, &filter)?;
    query.finish()?;
    let (store, workspace) = (&state.store, &principal.workspace);
    let place = place.find(store, workspace).await?;
    let mut listing = Listing {
        store,
        workspace,
        filter,
        limit: asked.limit,
        paths: Paths::new(store, workspace),
        found: Vec::new(),
        gone: matches!(place, Place::Workspace(Order::ChangedSince(_))).then(Vec::new),
    };
    let next = listing.read(place, asked.cursor).await?;
    let next_cursor = next.as_ref().map(encode).transpose()?;
    let folders = listing.found.iter().map(|file| file.folder).collect();
    listing.paths.read(&folders).await?;
    let mut items = Vec::with_capacity(listing.found.len());
    for file in listing.found {
        let place = listing.paths.of(file.folder).await?;
        items.push(FileView::placed(file, &place));
    }
    let gone = listing.gone;
    Ok(axum::Json(FilePage {
        items,
        gone: gone.map(|gone| gone.into_iter().map(GoneFileView::from).collect()),
        next_cursor,
    }))
}

/// The order within one folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Name,
    UpdatedAt,
}

/// Where files are looked for, as it is asked.
enum PlaceAsked {
    Workspace(Order),
    Folder(FolderPath, Way),
    Name(FolderPath, FileName),
}

/// Where files are looked for.
enum Place {
    Workspace(Order),
    Folder(FolderId, Way),
    Name(FolderId, FileName),
}

/// How a folder is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By name.
    Names,
    /// By name, and with the folders below.
    Tree,
    /// Newest change first, of the files in this state.
    Times(FileState),
    /// Newest change first, and with the folders below: files in the trash have no names.
    TreeTimes,
}

impl PlaceAsked {
    fn from_query(query: &mut Query, filter: &Filter) -> domain::Result<Self> {
        let folder: Option<FolderPath> = query.take_as("folder")?;
        let recursive = query.take_flag("recursive")?;
        let name: Option<FileName> = query.take_as("name")?;
        let sort = match query.take("sort")?.as_deref() {
            None => None,
            Some("name") => Some(Sort::Name),
            Some("updated_at") => Some(Sort::UpdatedAt),
            Some(_) => return Err(Error::invalid("/sort", "sort is name or updated_at")),
        };
        let Some(folder) = folder else {
            return match (recursive, &name, sort) {
                (true, _, _) => Err(Error::invalid("/recursive", "recursive needs a folder")),
                (false, Some(_), _) => Err(Error::invalid("/name", "name needs a folder")),
                (false, None, Some(_)) => Err(Error::invalid("/sort", "sort needs a folder")),
                (false, None, None) => Ok(Self::Workspace(
                    filter.since.map_or(Order::Created, Order::ChangedSince),
                )),
            };
        };
        if let Some(name) = name {
            if recursive || filter.state != Some(FileState::Active) {
                let detail = "a name is looked up in one folder, outside of the trash: leave it or the others out";
                return Err(Error::invalid("/name", detail));
            }
            return Ok(Self::Name(folder, name));
        }
        let way = match (filter.state, recursive, sort) {
            (_, true, Some(_)) => {
                return Err(Error::invalid(
                    "/sort",
                    "sort is for one folder: leave it out, or recursive",
                ));
            }
            (None, _, _) => {
                let detail = "any is for the whole workspace: name a state, or no folder";
                return Err(Error::invalid("/state", detail));
            }
            (Some(FileState::Trashed), _, Some(Sort::Name)) => {
                return Err(Error::invalid(
                    "/sort",
                    "what is in the trash is listed by updated_at",
                ));
            }
            (Some(FileState::Active), true, None) => Way::Tree,
            (Some(FileState::Active), false, None | Some(Sort::Name)) => Way::Names,
            (Some(FileState::Trashed), true, None) => Way::TreeTimes,
            (Some(state), false, _) => Way::Times(state),
        };
        Ok(Self::Folder(folder, way))
    }

    async fn find(self, store: &Store, workspace: &WorkspaceId) -> domain::Result<Place> {
        Ok(match self {
            Self::Workspace(order) => Place::Workspace(order),
            Self::Folder(path, way) => Place::Folder(store.folder_at(workspace, &path).await?, way),
            Self::Name(path, name) => Place::Name(store.folder_at(workspace, &path).await?, name),
        })
    }
}

/// A page that is being filled.
struct Listing<'a> {
    store: &'a Store,
    workspace: &'a WorkspaceId,
    filter: Filter,
    limit: usize,
    paths: Paths<'a>,
    found: Vec<File>,
    /// Files that are gone, where they are told of.
    gone: Option<Vec<GoneFile>>,
}

impl Listing<'_> {
    /// Fills the page, and returns where the next one begins.
    async fn read(&mut self, place: Place, from: Option<Cursor>) -> domain::Result<Option<Cursor>> {
        match place {
            Place::Folder(root, way @ (Way::Names | Way::Tree)) => {
                let from = from.map(Cursor::into_walk).transpose()?;
                if way == Way::Names && from.as_ref().is_some_and(|from| from.folder != root) {
                    return Err(foreign_cursor());
                }
                let next = self.by_name(root, way == Way::Tree, from).await?;
                Ok(next.map(Cursor::Walk))
            }
            Place::Name(_, _) if from.is_some() => Err(foreign_cursor()),
            Place::Name(folder, name) => {
                self.of_name(folder, &name).await?;
                Ok(None)
            }
            Place::Workspace(order) => self.by_index(&place, order, from).await,
            Place::Folder(folder, Way::Times(state)) => {
                let order = Order::ChangedIn(folder, state);
                self.by_index(&place, order, from).await
            }
            Place::Folder(_, Way::TreeTimes) => self.by_index(&place, Order::Changed, from).await,
        }
    }

    async fn of_name(&mut self, folder: FolderId, name: &FileName) -> domain::Result<()> {
        let found = self.store.name(self.workspace, folder, name).await?;
        let Some(id) = found.and_then(|found| found.file) else {
            return Ok(());
        };
        let files = self.store.files(self.workspace, &[id]).await?;
        let place = self.paths.of(folder).await?;
        self.found.extend(files.into_iter().filter(|file| {
            // Renamed or moved since its name was read.
            file.folder == folder && file.name == *name && self.filter.admits(file, &place)
        }));
        Ok(())
    }

    async fn by_name(
        &mut self,
        root: FolderId,
        recursive: bool,
        from: Option<Position>,
    ) -> domain::Result<Option<Position>> {
        let (store, workspace) = (self.store, self.workspace);
        let wanted = self.first_read();
        let mut walk = Walk::new(store, workspace, root, recursive, from, MOST_READS, wanted);
        loop {
            if self.found.len() == self.limit {
                return Ok(walk.position());
            }
            match walk.next(&mut self.paths).await? {
                Step::File(file) => {
                    let place = self.paths.of(file.folder).await?;
                    if self.filter.admits(&file, &place) {
                        self.found.push(*file);
                    }
                }
                Step::Rest | Step::End => return Ok(walk.position()),
            }
        }
    }

    async fn by_index(
        &mut self,
        place: &Place,
        order: Order,
        from: Option<Cursor>,
    ) -> domain::Result<Option<Cursor>> {
        let from = from.map(|from| from.into_position(order)).transpose()?;
        let next = self.in_pages(place, order, from).await?;
        Ok(next.map(|next| Cursor::in_order(order, next)))
    }

    async fn in_pages(
        &mut self,
        place: &Place,
        order: Order,
        from: Option<ListPosition>,
    ) -> domain::Result<Option<ListPosition>> {
        // Newest change first, what comes after the first that is too old is too old as well.
        let is_newest_first = matches!(order, Order::Changed | Order::ChangedIn(..));
        let oldest = self.filter.since.filter(|_| is_newest_first);
        let is_over = |at: &ListPosition| oldest.is_some_and(|since| at.is_before(since));
        let mut at = from;
        let mut wanted = self.first_read();
        for _ in 0..MOST_READS {
            let page = self
                .store
                .list_files(self.workspace, order, at.as_ref(), wanted)
                .await?;
            // What was read was too little: some files were passed over.
            wanted = FILTERED_AT_ONCE;
            let folders = page.files.iter().filter_map(|(_, known)| match known {
                Known::File(file) => Some(file.folder),
                Known::Gone(_) => None,
            });
            let folders = folders.collect();
            self.paths.read(&folders).await?;
            for (position, known) in page.files {
                if self.is_full() {
                    return Ok(at);
                }
                if is_over(&position) {
                    return Ok(None);
                }
                at = Some(position);
                let file = match known {
                    Known::File(file) => file,
                    Known::Gone(file) => {
                        self.gone
                            .iter_mut()
                            .for_each(|gone| gone.push(file.clone()));
                        continue;
                    }
                };
                let at_folder = self.paths.of(file.folder).await?;
                if self.filter.admits(&file, &at_folder) && self.is_in(place, file.folder).await? {
                    self.found.push(*file);
                }
            }
            at = page.next;
            if at.as_ref().is_none_or(is_over) {
                return Ok(None);
            }
            if self.is_full() {
                break;
            }
        }
        Ok(at)
    }

    /// How many names, or files of the index, are read first.
    fn first_read(&self) -> usize {
        if self.filter.is_open() {
            // One more than the page, so that a full one knows whether it is the last.
            self.limit + 1
        } else {
            FILTERED_AT_ONCE
        }
    }

    fn is_full(&self) -> bool {
        self.found.len() + self.gone.as_ref().map_or(0, Vec::len) >= self.limit
    }

    async fn is_in(&mut self, place: &Place, folder: FolderId) -> domain::Result<bool> {
        match *place {
            Place::Folder(root, Way::Tree | Way::TreeTimes) => {
                self.paths.is_under(folder, root).await
            }
            Place::Folder(root, Way::Names | Way::Times(_)) | Place::Name(root, _) => {
                Ok(folder == root)
            }
            Place::Workspace(_) => Ok(true),
        }
    }
}

impl Cursor {
    const fn in_order(order: Order, position: ListPosition) -> Self {
        match order {
            Order::Created => Self::Created(position),
            Order::Changed | Order::ChangedIn(..) => Self::Changed(position),
            Order::ChangedSince(_) => Self::ChangedSince(position),
        }
    }

    fn into_position(self, order: Order) -> domain::Result<ListPosition> {
        match (order, self) {
            (Order::Created, Self::Created(position))
            | (Order::Changed | Order::ChangedIn(..), Self::Changed(position))
            | (Order::ChangedSince(_), Self::ChangedSince(position)) => Ok(position),
            _ => Err(foreign_cursor()),
        }
    }

    fn into_walk(self) -> domain::Result<Position> {
        match self {
            Self::Walk(position) => Ok(position),
            Self::Created(_) | Self::Changed(_) | Self::ChangedSince(_) => Err(foreign_cursor()),
        }
    }
}

fn foreign_cursor() -> Error {
    Error::invalid(
        "/cursor",
        "this cursor was given out for a list in another order: begin without one",
    )
}
